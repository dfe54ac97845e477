cimport cython

from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.head cimport is_redirect
from pynector.transport.http.native.http2fields cimport ResponseFields, head_of

cdef Py_ssize_t MOST_WINDOW
cdef Py_ssize_t MOST_EMPTY


cdef class Stream:
    cdef object _connection
    cdef readonly Exchange exchange
    cdef readonly Py_ssize_t number
    cdef public bint sends
    cdef public bint is_sent
    cdef public object rest
    cdef readonly ResponseFields fields
    cdef tuple headers
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

    cpdef str phase(self)
    cpdef object give_up(self)
    @cython.locals(fields=ResponseFields)
    cpdef object take_interim(self, tuple headers)
    @cython.locals(exchange=Exchange, fields=ResponseFields)
    cpdef object take_head(self, tuple headers, bint is_whole)
    @cython.locals(exchange=Exchange, size=Py_ssize_t)
    cpdef object take(self, bytes data, bint is_last)
    @cython.locals(exchange=Exchange, fields=ResponseFields, chunks=list, head=bytes)
    cpdef object complete(self)
    cdef object _widen(self)
