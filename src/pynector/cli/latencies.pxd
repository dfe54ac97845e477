cimport cython


@cython.final
cdef class Latencies:
    cdef readonly Py_ssize_t total
    cdef readonly double longest
    cdef dict _counts

    cpdef object add(self, double seconds)
