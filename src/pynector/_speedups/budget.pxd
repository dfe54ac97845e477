from pynector._speedups.recent cimport Recent


cdef class Budget:
    cdef Recent _extra
    cdef Recent _first
    cdef double _floor
    cdef double _share
    cdef readonly Py_ssize_t refused

    cpdef int began(self, double now) except -1
    cpdef bint allows(self, double now) except -1
    cpdef int take(self, double now) except -1
    cpdef bint withdraw(self, double now) except -1
