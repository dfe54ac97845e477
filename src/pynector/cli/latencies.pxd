cimport cython
from libc.math cimport ceil as ceil_of, log as log_of

cdef bint COMPILED


@cython.final
cdef class Latencies:
    cdef readonly Py_ssize_t total
    cdef readonly double longest
    cdef dict _counts

    @cython.locals(step=Py_ssize_t)
    cpdef object add(self, double seconds)


cpdef Py_ssize_t step_of(double seconds) except? -1
