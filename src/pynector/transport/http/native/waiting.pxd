from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.room cimport Room

cdef double NEVER
cdef double EARLY
cdef double RESOLUTION


cdef class WaitingList:
    cdef object _now
    cdef object _call_at
    cdef Room _room
    cdef object _relieved
    cdef double _due
    cdef object _timer
    cdef readonly object exchanges
    cdef readonly list attempts
    cdef public Py_ssize_t expected

    cpdef object add(self, Exchange exchange)
    cpdef object add_first(self, Exchange exchange)
    cpdef Exchange pop(self)
    cpdef object phase_of(self, Py_ssize_t rank)
    cpdef bint lacks(self, Py_ssize_t opened, Py_ssize_t unsettled, Py_ssize_t limit) except -1
    cpdef object watch(self, double when)
    cpdef object stop(self)
    cpdef object end_attempts(self, double before=*)
    cdef object _set(self, double when)
