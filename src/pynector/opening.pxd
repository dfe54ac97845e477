cdef class ToEnter:
    cdef str _call

    cdef object _misused(self)
