cimport cython

from pynector._speedups.admission cimport Admission
from pynector._speedups.call cimport Call, Usual
from pynector._speedups.dispatcher cimport Dispatcher, Slot
from pynector._speedups.limits cimport Origin


cdef Py_ssize_t SHIFT
cdef Py_ssize_t MASK
cdef double NEVER
cdef double NOT_AGAIN
cdef int MAY_START, IS_HELD, IS_PAUSED


cdef class RuledDispatcher(Dispatcher):
    cdef object _rules
    cdef Admission _admission
    cdef object _arm
    cdef bint _is_seen
    cdef dict _open
    cdef Py_ssize_t _attempt_number

    @cython.locals(now=double, is_burst=bint, blocked=Call, when=double)
    cpdef object run(self)
    cpdef object try_again(self)
    cpdef bint is_finished(self) except -1
    cpdef object counts(self)
    cpdef object end(self)
    cdef int _look_at_clock(self, double now) except -1
    cdef object _due(self, Call call, double now)
    cdef int _look_at_deadline(self, Call call) except -1
    cdef int _line_up(self, Call call) except -1
    cdef int _stand_back(self, Call call) except -1
    @cython.locals(call=Call, state=int)
    cdef bint _begin(self, Py_ssize_t number, double now) except -1
    @cython.locals(timeout=double, usual=Usual, is_usual=bint)
    cdef bint _prepared(self, Call call, double now) except -1
    @cython.locals(until=double)
    cdef object _paused(self, Call call)
    @cython.locals(slot=Slot, token=Py_ssize_t, deadline=double)
    cdef object _attempt(self, Call call, Py_ssize_t number, double now)
    cpdef object found(self, Call call, object result)
    @cython.locals(slot=Slot, call=Call, now=double)
    cpdef object succeed(self, Py_ssize_t token, object response)
    @cython.locals(slot=Slot, call=Call, now=double)
    cpdef object fail(self, Py_ssize_t token, object error)
    @cython.locals(slot=Slot, number=Py_ssize_t)
    cdef Slot _taken(self, Py_ssize_t token)
    @cython.locals(call=Call, places=list)
    cdef int _vacate(self, Slot slot, Py_ssize_t number, double now, object error) except -1
    cpdef bint has_room(self) except -1
    cpdef int take_place(self, Call call, Origin place) except -1
    @cython.locals(wait=double)
    cdef object _failed_attempt(self, Call call, double now)
    cdef int _step_back(self, Call call) except -1
    cdef int _turn_away(self, Call call) except -1
    cdef object _late(self, Call call)
    cdef object _stand(self, Call call)
    cdef object _conclude(self, Call call, object result, bint failed)
    @cython.locals(slot=Slot)
    cpdef Py_ssize_t index_of(self, Py_ssize_t token) except -1
    cpdef object abandon(self, object reason)
    cpdef object drain(self, object reason)
    @cython.locals(first=Slot, call=Call)
    cdef object _end_all(self, object reason, bint new_only)
    @cython.locals(one=Slot, now=double)
    cdef object _give_up(self, Call call)
