cimport cython

from pynector.transport.websocket.pending cimport Pending

cdef double NEVER
cdef Py_ssize_t FEW


@cython.final
cdef class Timeouts:
    cdef object __weakref__
    cdef object _clock
    cdef object _call_at
    cdef object _expired
    cdef list _entries
    cdef Py_ssize_t _most
    cdef Py_ssize_t _number
    cdef object _timer
    cdef double _when

    cpdef object add(self, Pending pending)
    cpdef object stop(self)
    cdef object _forget_ended(self)
    cdef object _set(self)
    @cython.locals(now=double)
    cpdef object expire(self)
