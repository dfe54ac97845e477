cimport cython

from pynector._speedups.results cimport Results
from pynector._speedups.scheduler cimport Scheduler
from pynector._speedups.told cimport Told


cdef Py_ssize_t NOTHING
cdef Py_ssize_t SHIFT
cdef Py_ssize_t MASK


cdef class Slot:
    cdef Py_ssize_t token
    cdef Py_ssize_t index
    cdef object entry
    cdef double started
    cdef double timeout
    cdef object handle
    cdef object call
    cdef list places
    cdef object generations
    cdef bint is_hedge


cdef class Dispatcher(Told):
    cdef Scheduler _scheduler
    cdef object _source
    cdef Results _results
    cdef object _submit
    cdef object _clock
    cdef object _end
    cdef object _options
    cdef dict _rest
    cdef double _timeout
    cdef object _timeout_of
    cdef object _translate
    cdef object _notify
    cdef list _slots
    cdef Py_ssize_t _serial
    cdef bint _is_due
    cdef readonly object current
    cdef public object wake
    cdef public bint busy
    cdef readonly Py_ssize_t failures
    cdef readonly Py_ssize_t retried
    cdef readonly object first_error
    cdef public object fault
    cdef public object heir

    cpdef object run(self)
    cpdef object proceed(self)
    cpdef object resume(self)

    @cython.locals(count=Py_ssize_t, burst=Py_ssize_t, number=Py_ssize_t)
    cdef bint _fill(self, double now) except -1

    @cython.locals(slot=Slot, token=Py_ssize_t)
    cdef bint _begin(self, Py_ssize_t number, double now) except -1

    @cython.locals(timeout=double)
    cdef object _start(self, Slot slot, Py_ssize_t token, double now)
    @cython.locals(given=dict)
    cdef double _timeout_for(self, object entry) except? -1
    @cython.locals(given=dict, rest=dict, is_less=bint, left=Py_ssize_t)
    cdef object _options_for(self, object own)
    cdef object _not_sent(self, Py_ssize_t token, object error)

    @cython.locals(slot=Slot, index=Py_ssize_t, started=double)
    cpdef object succeed(self, Py_ssize_t token, object response)

    @cython.locals(slot=Slot, index=Py_ssize_t, started=double, timeout=double)
    cpdef object fail(self, Py_ssize_t token, object error)

    @cython.locals(slot=Slot, number=Py_ssize_t)
    cdef Slot _taken(self, Py_ssize_t token)

    cdef int _go_on(self) except -1
    cdef int _free(self, Slot slot) except -1
    cdef object _failed(self, Py_ssize_t index, object entry, double started, double timeout, object error)
    cdef object _failure(self, Py_ssize_t index, object entry, double timeout, object error)
    cdef int _count(self, object problem) except -1
    cpdef object refused(self, Py_ssize_t index, object entry, object error)

    cpdef bint is_finished(self) except -1
    cpdef object counts(self)
    cpdef object end(self)

    @cython.locals(slot=Slot)
    cpdef Py_ssize_t index_of(self, Py_ssize_t token) except -1

    @cython.locals(one=Slot, token=Py_ssize_t, index=Py_ssize_t, started=double, timeout=double)
    cpdef object abandon(self, object reason)


@cython.locals(both=dict)
cpdef object merged(object common, object own)
cpdef bint is_timeout(object value) except -1
@cython.locals(index=Py_ssize_t)
cpdef Py_ssize_t first_malformed(list entries) except -2
@cython.locals(index=Py_ssize_t, found=list, given=dict)
cpdef list doubtful_timeouts(list entries)
@cython.locals(given=dict)
cpdef bint has_rules(list entries) except -1
