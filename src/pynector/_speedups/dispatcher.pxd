cimport cython

from pynector._speedups.collector cimport Collector
from pynector._speedups.scheduler cimport Scheduler


cdef class Pump:
    cdef Scheduler _scheduler
    cdef Collector _collector
    cdef object _submit
    cdef object _clock
    cdef object _requests
    cdef object _options
    cdef double _timeout
    cdef object _entry
    cdef object _notify

    @cython.locals(now=double, count=Py_ssize_t, index=Py_ssize_t)
    cpdef object run(self)

    @cython.locals(timeout=double)
    cdef object _start(self, Py_ssize_t index, double now)


@cython.locals(index=Py_ssize_t)
cpdef Py_ssize_t first_malformed(list entries) except -2
