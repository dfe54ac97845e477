cimport cython


@cython.freelist(64)
cdef class Opened:
    cdef object _engine
    cdef object _data
    cdef object _options
    cdef double _timeout
    cdef object _observer
    cdef object _raw
    cdef object _response
