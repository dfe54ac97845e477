cdef class Accumulator:
    cdef list _chunks
    cdef Py_ssize_t _limit
    cdef readonly Py_ssize_t size

    cpdef bint append(self, object chunk) except -1
    cpdef bytes finish(self)
