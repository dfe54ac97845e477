cimport cython

from pynector.transport.http.native.pooled cimport PooledConnection
from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.forwarding cimport Forwarding
from pynector.transport.http.native.head cimport Head, final_start, is_folded, is_redirect, persists, unfolded
from pynector.transport.http.native.reading cimport BodyReader

cdef bint COMPILED
cdef Py_ssize_t NO_LENGTH
cdef Py_ssize_t DIRECT
cdef Py_ssize_t MOST_DIRECT
cdef Py_ssize_t UNWANTED
cdef Py_ssize_t MOST_HEADERS


cdef class Connection(PooledConnection):
    cdef object _make_parser
    cdef object _scratch
    cdef bytearray _buffer
    cdef object _owner
    cdef Forwarding _forwarding
    cdef object _parser
    cdef object _problem
    cdef BodyReader _reader
    cdef list _chunks
    cdef bytes _head
    cdef Py_ssize_t _interim
    cdef bint _folded
    cdef bint _stale
    cdef bint _excess
    cdef bint _complete
    cdef bint _final
    cdef bint _is_unwanted
    cdef Py_ssize_t _length
    cdef Py_ssize_t _size
    cdef public Exchange exchange
    cdef public bint scans

    cdef object _reset(self)
    cdef object _leave_body(self)
    @cython.locals(payload=bytes)
    cpdef object start(self, Exchange exchange)
    cpdef object exchanges(self)
    cpdef object abandon(self)
    cpdef object release(self)
    cpdef object give_up(self)
    cpdef str phase(self)
    cpdef object on_message_begin(self)
    @cython.locals(fields=Head, data=bytes, start=Py_ssize_t, end=Py_ssize_t, status=int)
    cpdef object on_headers_complete(self)
    cpdef object on_body(self, bytes chunk)
    cpdef object on_message_complete(self)
    cpdef object get_buffer(self, Py_ssize_t sizehint)
    cpdef object buffer_updated(self, Py_ssize_t count)
    @cython.locals(
        fields=Head, exchange=Exchange, start=Py_ssize_t, length=Py_ssize_t, status=int, head=bytes
    )
    cdef bint _take_whole(self, Py_ssize_t count) except -1
    @cython.locals(left=Py_ssize_t)
    cdef object _open_sink(self, Py_ssize_t start, Py_ssize_t count)
    @cython.locals(piece=bytes)
    cdef object _read_on(self, Py_ssize_t count)
    @cython.locals(data=bytes)
    cdef object _parse(self, Py_ssize_t count)
    cdef object _read_rest(self)
    cdef object _feed(self, object data)
    cdef object _unfold(self)
    @cython.locals(chunks=list, head=bytes, body=bytes, keep=bint)
    cdef object _answer(self)
    @cython.locals(exchange=Exchange)
    cdef object _hand_over(self, bytes head, bytes body, bint keep)
    cdef object _fail(self, object problem)


@cython.locals(piece=bytes)
cdef bytes copied(const unsigned char* buffer, Py_ssize_t start, Py_ssize_t end)
