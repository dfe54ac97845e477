cimport cython

from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.head cimport is_redirect
from pynector.transport.http.native.http2fields cimport ResponseFields, head_of

cdef Py_ssize_t WINDOW
cdef Py_ssize_t MOST_WINDOW
cdef Py_ssize_t MOST_HEADERS
cdef Py_ssize_t UNWANTED
cdef Py_ssize_t MOST_EMPTY


@cython.freelist(256)
cdef class Stream:
    cdef object _connection
    cdef readonly Exchange exchange
    cdef readonly object number
    cdef public bint sends
    cdef public object bodies
    cdef public bint is_sent
    cdef public object rest
    cdef tuple headers
    cdef readonly int status
    cdef readonly int encoded
    cdef bytes body
    cdef list chunks
    cdef Py_ssize_t size
    cdef Py_ssize_t interim
    cdef Py_ssize_t empty
    cdef public bint is_ended
    cdef readonly bint is_final
    cdef readonly bint is_unwanted
    cdef bint is_paused
    cdef public Py_ssize_t reset_code
    cdef Py_ssize_t window

    cpdef object begin(self, object connection, Exchange exchange, object number)
    cpdef str phase(self)
    cpdef object give_up(self)
    cpdef object take_interim(self, Py_ssize_t size)
    @cython.locals(exchange=Exchange)
    cpdef bint take_head(self, tuple headers, ResponseFields fields, bint is_whole) except -1
    @cython.locals(exchange=Exchange, size=Py_ssize_t)
    cpdef bint take(self, bytes data, bint is_last) except -1
    @cython.locals(exchange=Exchange)
    cdef bytes head(self)
    cdef bytes content(self)
    cdef object _keep(self, bytes data)
    cdef object _widen(self)
