cdef double NEVER


cdef class Call:
    cdef readonly Py_ssize_t index
    cdef readonly object entry
    cdef public object data
    cdef public object options
    cdef public double timeout
    cdef public double deadline
    cdef readonly double began
    cdef readonly Py_ssize_t attempts
    cdef readonly Py_ssize_t live
    cdef object slot
    cdef object beside
    cdef public object policy
    cdef public double attempt_timeout
    cdef public object budget
    cdef public object sent
    cdef public object error
    cdef public object origin
    cdef public object costs
    cdef public object where
    cdef public double again_at
    cdef public double allowed
    cdef public bint is_one_shot
    cdef public bint has_key
    cdef public object hedge
    cdef double hedge_at
    cdef bint is_lined_up
    cdef readonly bint is_over
    cdef bint is_timed
    cdef public object final
    cdef Py_ssize_t passed
    cdef list places

    cpdef double begin(self, object slot, double now) except? -1
    cpdef int leave(self, object slot) except -1
    cpdef bint is_new(self) except -1


cdef class Usual:
    cdef object _policy
    cdef double _attempt_timeout
    cdef object _budget
    cdef object _final
    cdef object _costs
    cdef object _copied
    cdef object _anew
    cdef object _origin_of

    cpdef bint prepare(self, Call call) except -1
