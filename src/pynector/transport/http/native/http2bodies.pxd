cimport cython

from pynector.transport.http.native.http2stream cimport Stream

cdef Py_ssize_t PIECE


cdef class Bodies:
    cdef object _protocol
    cdef dict _streams
    cdef public bint is_full

    cpdef object begin(self, Stream stream, bytes body)
    cpdef object send(self, Stream stream, bytes data, bint is_last)
    cpdef object drop(self, object number)
    @cython.locals(stream=Stream)
    cpdef object pause(self)
    @cython.locals(stream=Stream, has_fed=bint)
    cpdef bint feed(self) except -1
    @cython.locals(is_last=bint)
    cdef object _give_next(self, Stream stream)
    cdef object _pace(self, Stream stream)
