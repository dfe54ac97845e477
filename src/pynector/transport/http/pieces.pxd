cimport cython


cdef class ReadOnce:
    cdef public int status_code
    cdef readonly object _raw
    cdef readonly Py_ssize_t _raw_size
    cdef readonly object _limit
    cdef bint _is_read
    cdef bint _is_closed

    cpdef object close(self)
    cpdef object _check(self)
    cpdef object _begin(self)
    cpdef object _closed(self)


@cython.freelist(64)
cdef class RawPieces:
    cdef ReadOnce _answer
