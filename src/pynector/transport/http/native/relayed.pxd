cimport cython

from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.incoming cimport Incoming

cdef double NEVER
cdef double LOOKS


cdef class Patience:
    cdef readonly double queue
    cdef readonly double connect
    cdef readonly double write
    cdef readonly double read
    cdef readonly double shortest

    cpdef double of(self, object phase) except? -1


cdef class Relayed(Incoming):
    cdef readonly Patience patience
    cdef readonly object transport
    cdef object _now
    cdef double _since
    cdef object _phase
    cdef Py_ssize_t _left

    cpdef object waits(self)
    @cython.locals(exchange=Exchange)
    cpdef object begun(self)
    @cython.locals(limit=double, left=Py_ssize_t, has_moved=bint)
    cpdef double due(self, object phase, double now) except? -1
    cpdef object head(self, object connection, int status, bytes head, str version)
    cpdef object feed(self, bytes piece)
    cpdef object news(self)
