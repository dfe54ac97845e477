cimport cython

from pynector.transport.http.native.pooled cimport PooledConnection
from pynector.transport.http.native.readable cimport is_readable

cdef double NEVER
cdef double FRESH
cdef double MARGIN
cdef double EARLY
cdef double GRACE


cdef class IdleConnections:
    cdef object _now
    cdef object _call_at
    cdef Py_ssize_t _most
    cdef double _expiry
    cdef object _look_closer
    cdef object _timer
    cdef object _surplus
    cdef readonly list connections

    @cython.locals(connection=PooledConnection)
    cpdef PooledConnection take(self, bint repeatable, double now)
    @cython.locals(life=double)
    cpdef object put(self, PooledConnection connection, Py_ssize_t server_timeout, double now)
    cpdef bint remove(self, PooledConnection connection) except -1
    cpdef double since(self) except? -1
    cdef bint _has_news(self, PooledConnection connection, bint repeatable, double now) except -1
    cdef object _plan(self)
    cdef object _plan_trim(self)
    cpdef object _trim(self)
    cdef object _close(self, list connections)
