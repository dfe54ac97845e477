cdef class Room:
    cdef public Py_ssize_t most
    cdef public Py_ssize_t taken
    cdef public dict starved
    cdef public double since
    cdef dict _waiting
    cdef object _clock
    cdef object _evict

    cpdef bint enter(self, object pool, bint has_none) except -1
    cpdef object leave(self)
    cpdef object serve(self)
    cpdef object forget(self, object pool)
