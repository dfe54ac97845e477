cdef class ToEnter:
    cdef object __weakref__


cdef class Opening(ToEnter):
    cdef readonly str call
    cdef object _manager
