cimport cython


cdef Py_ssize_t FEWEST
cdef double ERROR
cdef Py_ssize_t WINDOWS
cdef double TOLERANCE
cdef double QUEUE
cdef double USED
cdef double GROWTH
cdef Py_ssize_t ROUNDS
cdef double DRAIN
cdef double SAME
cdef double NO_QUEUE
cdef double BACKOFF
cdef double FORGIVEN
cdef double CREDIT
cdef int DOUBLING
cdef int FOLLOWING
cdef int DRAINED
cdef double FOREVER_AGO


cdef class Samples:
    cdef Py_ssize_t _count
    cdef double _squares
    cdef double _sum
    cdef readonly double mean
    cdef readonly double noise
    cdef readonly double spread

    cpdef int clear(self) except -1
    cpdef int add(self, double elapsed) except -1

    @cython.locals(count=Py_ssize_t, mean=double, spread=double)
    cpdef bint enough(self, Py_ssize_t limit, bint hold) except -1


cdef class AdaptiveWindow:
    cdef double _backed_off
    cdef double _base
    cdef double _base_noise
    cdef Py_ssize_t _before
    cdef double _changed
    cdef double _confirmed
    cdef double _credit
    cdef bint _flat
    cdef bint _fresh
    cdef double _growth
    cdef double _hold
    cdef double _last
    cdef Py_ssize_t _least
    cdef Py_ssize_t _most
    cdef Py_ssize_t _peak
    cdef int _phase
    cdef double _resumed
    cdef Py_ssize_t _rounds
    cdef Samples _samples
    cdef double _window
    cdef readonly Py_ssize_t limit

    @cython.locals(began=double, samples=Samples, hold=bint)
    cpdef bint ended(self, double elapsed, Py_ssize_t in_flight, bint dropped, double now) except -1

    @cython.locals(used=bint, chance=double, tolerance=double, share=double)
    cdef bint _conclude(self, double mean, double noise, double now) except -1

    @cython.locals(grown=double)
    cdef bint _grow(self, double now) except -1

    @cython.locals(wanted=double)
    cdef bint _shrink(self, double share, double tolerance, double now) except -1
    cdef bint _drain(self, double window, double now) except -1

    @cython.locals(over=bint, flat=bint)
    cdef bint _drained(self, double mean, double noise, double chance, double now) except -1

    cdef bint _drop(self, Py_ssize_t in_flight, double now) except -1
    cdef int _begin_round(self) except -1

    @cython.locals(limit=Py_ssize_t)
    cdef bint _set(self, double window, double now) except -1
