cimport cython

cdef Py_ssize_t MOST_OF_AN_ERROR
cdef Py_ssize_t MUCH
cdef Py_ssize_t NO_LIMIT


cdef class StreamedResponse:
    cdef readonly int status_code
    cdef object _raw
    cdef object _headers
    cdef object _decoders
    cdef object _decoded
    cdef object _content
    cdef Py_ssize_t _limit
    cdef Py_ssize_t _raw_size
    cdef Py_ssize_t _decoded_size
    cdef bint _is_read
    cdef bint _is_closed
    cdef object __weakref__

    cdef object _begin(self)
    cdef object _check(self, Py_ssize_t size)
    cdef object _closed(self)
    cdef list _coding(self)
    cpdef object close(self)


cdef class _RawPieces:
    cdef StreamedResponse _response


cdef class Streaming:
    cdef object _opened
    cdef object _data
    cdef object _options
    cdef object _timeout
    cdef object _observer
    cdef object _raw
    cdef StreamedResponse _response
