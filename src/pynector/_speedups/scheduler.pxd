cimport cython


cdef class Scheduler:
    cdef readonly Py_ssize_t started
    cdef readonly Py_ssize_t in_flight
    cdef readonly Py_ssize_t slots
    cdef public bint stopped
    cdef readonly bint failed
    cdef readonly bint exhausted
    cdef readonly object job
    cdef public Py_ssize_t window
    cdef double _deadline
    cdef bint _stop_on_error
    cdef list _free
    cdef Py_ssize_t _free_count
    cdef object _held
    cdef double _held_until
    cdef object _line
    cdef Py_ssize_t _most_timed
    cdef list _timed
    cdef Py_ssize_t _waiting
    cdef Py_ssize_t _number

    cpdef Py_ssize_t next(self, double now) except -3
    cpdef int return_slot(self, Py_ssize_t slot, bint exhausted) except -1
    cpdef int finish(self, Py_ssize_t slot, bint failed) except -1
    cpdef int ended(self, bint failed) except -1
    cpdef int release(self, Py_ssize_t slot) except -1
    cdef int _release(self, Py_ssize_t slot) except -1
    cpdef int hold(self, object job, double until) except -1
    cpdef bint has_room(self) except -1
    cpdef object blocked(self)
    cpdef bint drop(self, object job) except -1
    cpdef int unhold(self) except -1
    cpdef int line_up(self, object job) except -1
    cpdef int postpone(self, object job, double when) except -1
    cpdef object due(self, double now)
    @cython.locals(first=double)
    cpdef double when(self) except? -1
    cpdef bint finished(self) except -1


cdef class Deadlines:
    cdef list _table
    cdef readonly double due

    cpdef bint arm(self, Py_ssize_t slot, double deadline) except -1
    cpdef list overdue(self, double now)
