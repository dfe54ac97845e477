cimport cython

from pynector.transport.http.native.pooled cimport PooledConnection


cdef class SharedConnections:
    cdef readonly list connections

    @cython.locals(found=PooledConnection, connection=PooledConnection)
    cpdef PooledConnection least_loaded(self)
    cpdef object put(self, PooledConnection connection)
    cpdef bint remove(self, PooledConnection connection) except -1
