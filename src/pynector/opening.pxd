cdef class ToEnter:
    pass


cdef class Opening(ToEnter):
    cdef readonly str call
    cdef object _manager
