cimport cython

from pynector._speedups.cbytes cimport uninitialised, writable

cdef bint COMPILED
cdef Py_ssize_t NO_LENGTH
cdef Py_ssize_t DIRECT
cdef Py_ssize_t MOST_DIRECT
cdef Py_ssize_t MOST_HEADERS


cdef class Exchange:
    cdef public object engine
    cdef public object data
    cdef public object options
    cdef public double deadline
    cdef public object completion
    cdef public Py_ssize_t token
    cdef public double started
    cdef public bytes payload
    cdef public object settings
    cdef public object request
    cdef public object connection
    cdef public object pool
    cdef public bint is_head
    cdef public bint repeatable
    cdef public Py_ssize_t limit
    cdef public Py_ssize_t hops
    cdef public bint plain
    cdef public double queued


cdef class ConnectionCore:
    cdef object __weakref__
    cdef object _make_parser
    cdef object _scratch
    cdef object _pool
    cdef object _parser
    cdef object _problem
    cdef object _direct
    cdef object _body
    cdef list _chunks
    cdef bytes _head
    cdef Py_ssize_t _interim
    cdef int _status
    cdef bint _stale
    cdef bint _excess
    cdef bint _complete
    cdef bint _keep
    cdef bint _final
    cdef bint _chunked
    cdef Py_ssize_t _length
    cdef Py_ssize_t _size
    cdef Py_ssize_t _offset
    cdef public bint encoded
    cdef public Py_ssize_t server_timeout
    cdef public object transport
    cdef public Exchange exchange
    cdef public bint used
    cdef public double idle_until
    cdef public double alarm
    cdef public object timer
    cdef public str version

    cdef object _reset(self)
    cpdef object start(self, Exchange exchange)
    cpdef str phase(self)
    cpdef object on_message_begin(self)
    cpdef object on_headers_complete(self)
    cpdef object on_body(self, bytes chunk)
    cpdef object on_message_complete(self)
    cpdef object get_buffer(self, Py_ssize_t sizehint)
    cpdef object buffer_updated(self, Py_ssize_t count)
    @cython.locals(head=bytes, start=Py_ssize_t, end=Py_ssize_t)
    cdef object _read_head(self)
    @cython.locals(name=bytes, value=bytes)
    cdef object _read_field(self, bytes line)
    cdef object _allocate(self)
    cdef object _feed(self, object data)
    @cython.locals(exchange=Exchange, chunks=list)
    cdef object _answer(self)
    cdef object _fail(self, object problem)
    cdef object _abandon(self)
