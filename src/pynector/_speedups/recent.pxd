cimport cython


cdef Py_ssize_t PARTS


cdef class Recent:
    cdef list _counts
    cdef double _end
    cdef Py_ssize_t _newest
    cdef Py_ssize_t _sum
    cdef double _width

    @cython.locals(count=Py_ssize_t)
    cpdef int add(self, double now) except -1

    @cython.locals(oldest=Py_ssize_t, count=Py_ssize_t)
    cpdef Py_ssize_t inside(self, double now) except -1

    cpdef Py_ssize_t covering(self, double now) except -1

    @cython.locals(part=Py_ssize_t)
    cpdef int clear(self) except -1

    @cython.locals(steps=Py_ssize_t, count=Py_ssize_t)
    cdef int _advance(self, double now) except -1
