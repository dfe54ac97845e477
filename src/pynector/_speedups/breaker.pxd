cimport cython

from pynector._speedups.recent cimport Recent


cdef class Breaker:
    cdef double _cooldown
    cdef Recent _ended
    cdef Recent _failed
    cdef double _failure_rate
    cdef Py_ssize_t _generation
    cdef Py_ssize_t _minimum
    cdef Py_ssize_t _probes
    cdef Py_ssize_t _probing
    cdef Py_ssize_t _succeeded
    cdef double _until
    cdef readonly Py_ssize_t opened
    cdef readonly int state

    cpdef Py_ssize_t allows(self, double now) except -1
    cpdef bint refuses(self, double now) except -1
    cpdef int record(self, Py_ssize_t generation, bint failed, double now) except -1
    cpdef int release(self, Py_ssize_t generation) except -1
    cpdef double opens_again(self, double now) except -1

    @cython.locals(ended=Py_ssize_t, failures=Py_ssize_t)
    cdef int _count(self, bint failed, double now) except -1

    cdef int _probed(self, bint failed, double now) except -1
    cdef int _open(self, double now) except -1
