cimport cython

cdef Py_ssize_t ROW
cdef Py_ssize_t ENOUGH


cdef class Accumulator:
    cdef list _chunks
    cdef Py_ssize_t _limit
    cdef Py_ssize_t _row
    cdef Py_ssize_t _joined
    cdef readonly Py_ssize_t size

    @cython.locals(length=Py_ssize_t, size=Py_ssize_t)
    cpdef bint append(self, object chunk) except -1
    cdef object _end_row(self)
    cpdef bytes finish(self)
