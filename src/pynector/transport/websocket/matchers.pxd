cimport cython

from pynector.transport.websocket.pending cimport Pending

cdef Pending LATE


cdef class Matcher:
    cdef object _places
    cdef Py_ssize_t _ended

    cpdef object add(self, Pending pending)
    cpdef object give_up(self, Pending pending)
    @cython.locals(pending=Pending)
    cpdef object match(self, bytes payload, bint is_text)
    cpdef bint is_stuck(self) except -1
    cpdef list drain(self)
    cpdef object held(self)


@cython.final
cdef class KeyMatcher(Matcher):
    cdef object _read
    cdef object _taken
    cdef dict _by_key
    cdef Py_ssize_t _given_up
