cimport cython

from pynector._speedups.call cimport Call
from pynector._speedups.limits cimport Limits, Origin
from pynector._speedups.scheduler cimport Scheduler


cdef class Admission:
    cdef Scheduler _scheduler
    cdef list _limits

    @cython.locals(limits=Limits, origin=Origin, at=Origin, first=double, position=Py_ssize_t)
    cpdef int ask(self, object starter, Call call, double now) except -1
    @cython.locals(at=Origin)
    cpdef object let_through(self, Call call, double now, object refused)
    cdef int _paused(self, object starter, Call call, Origin origin) except -1
    cdef int _set_aside(self, object starter, Call call, Origin origin) except -1
    @cython.locals(at=Origin)
    cpdef int leave(self, object starter, list places) except -1
    @cython.locals(places=list, where=Origin)
    cpdef int give_back(self, object starter, Call call) except -1
    @cython.locals(limits=Limits)
    cpdef int leave_lines(self, object starter) except -1
