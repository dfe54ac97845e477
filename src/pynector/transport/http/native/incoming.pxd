cimport cython

from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.head cimport is_redirect

cdef Py_ssize_t HIGH_WATER
cdef Py_ssize_t OVERHEAD


cdef class Incoming:
    cdef readonly Exchange exchange
    cdef readonly bint is_open
    cdef readonly int status
    cdef readonly bytes start
    cdef readonly str version
    cdef readonly bint encoded
    cdef object _answers
    cdef object _tasks
    cdef bytes _piece
    cdef object _pieces
    cdef Py_ssize_t _size
    cdef bint _is_paused
    cdef bint _is_left
    cdef bint _ended
    cdef object _error
    cdef object _problem
    cdef object _following
    cdef object _redirect
    cdef object _waiter

    cpdef object head(self, object connection, int status, bytes head, str version)
    @cython.locals(exchange=Exchange)
    cpdef object begin(self, int status, bytes head, str version, int encoded)
    cpdef object feed(self, bytes piece)
    cpdef object end(self)
    cpdef object conclude(self)
    cpdef object succeed(self, Py_ssize_t token, object response)
    cpdef object fail(self, Py_ssize_t token, object error)
    cpdef bint arrived(self) except -1
    @cython.locals(piece=bytes)
    cpdef object taken(self)
    @cython.locals(piece=bytes)
    cpdef object rest(self)
    cpdef object news(self)
    cpdef object leave(self)
    cpdef object forget(self)
    cdef object _part(self)
    cdef object _problem_of(self, str said)
    cdef object _resume(self)
    cdef object _wake(self)
