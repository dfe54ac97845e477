cimport cython


cdef class Bucket:
    cdef readonly object cost
    cdef readonly object settle
    cdef public double lent
    cdef double _interval
    cdef double _tolerance
    cdef double _grain
    cdef double _due
    cdef double _peak
    cdef bint _waited

    @cython.locals(first=double)
    cpdef double when(self, double now) except? -1
    @cython.locals(late=double)
    cpdef int take(self, double cost, double now) except -1
    cpdef int correct(self, double difference) except -1


cdef class Origin:
    cdef public Py_ssize_t most
    cdef readonly object breaker
    cdef bint _learns
    cdef public Py_ssize_t in_flight
    cdef readonly double paused_until
    cdef readonly object queue

    cpdef bint is_full(self) except -1
    cpdef bint pause(self, double until) except -1
    cpdef int wait(self, object starter, object request) except -1
    cpdef int forget(self, object starter, object request) except -1
    cpdef object leave(self)
    cpdef bint is_idle(self, double now) except -1


cdef Origin NOWHERE


cdef class Limits:
    cdef readonly list buckets
    cdef readonly bint by_origin
    cdef public Py_ssize_t waits
    cdef public Py_ssize_t origin_waits
    cdef Py_ssize_t _per_origin
    cdef object _breaker
    cdef bint _learns
    cdef dict _origins
    cdef Py_ssize_t _most_known
    cdef object _line

    @cython.locals(known=Origin)
    cpdef Origin origin(self, object key, double now)
    cpdef dict origins(self)
    @cython.locals(one=Bucket, position=Py_ssize_t, known=Origin)
    cpdef int lend(self, list amounts, Py_ssize_t per_origin) except -1
    cpdef Py_ssize_t busiest(self) except -1
    cdef int _resize(self, Origin origin, Py_ssize_t most) except -1
    @cython.locals(first=double, one=Bucket)
    cpdef double ready_at(self, object starter, double now) except? -1
    @cython.locals(one=Bucket, position=Py_ssize_t)
    cpdef int take(self, object starter, list costs, double now) except -1
    cpdef int eased(self) except -1
    cpdef int leave_line(self, object starter) except -1
    cdef int _join(self, object starter) except -1
