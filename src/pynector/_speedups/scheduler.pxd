cdef class Scheduler:
    cdef readonly Py_ssize_t total
    cdef readonly Py_ssize_t started
    cdef readonly Py_ssize_t in_flight
    cdef public bint stopped
    cdef Py_ssize_t _window
    cdef double _deadline
    cdef bint _stop_on_error

    cpdef Py_ssize_t next(self, double now) except -2
    cpdef int finish(self, bint failed) except -1
    cpdef bint finished(self)


cdef class Deadlines:
    cdef list _table
    cdef readonly double alarm

    cpdef bint arm(self, Py_ssize_t slot, double deadline) except -1
    cpdef list overdue(self, double now)
