cimport cython


cdef double NEVER
cdef Py_ssize_t LEAST


cdef class Quantile:
    cdef Py_ssize_t _at
    cdef double _found
    cdef Py_ssize_t _fresh
    cdef Py_ssize_t _keep
    cdef double _q
    cdef list _values

    cpdef int add(self, double value) except -1

    @cython.locals(count=Py_ssize_t, rank=Py_ssize_t)
    cpdef double value(self) except -1
