from pynector.opening cimport ToEnter


cdef class StreamCall(ToEnter):
    cdef object _lifecycle
    cdef object _telemetry
    cdef object _data
    cdef object _options
    cdef double _limit
    cdef object _make_turn
    cdef bint _is_entered
    cdef object _observed
    cdef object _session
    cdef object _manager
    cdef object _turn
    cdef object _response

    cdef bint _is_its_own(self, object error)
    cdef object _ended(self, object session, object error, bint is_its_own)
    cdef object _tell(self, object error, bint is_its_own)
