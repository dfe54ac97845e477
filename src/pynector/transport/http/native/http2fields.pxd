cimport cython

cdef int GZIPPED
cdef int ENCODED
cdef Py_ssize_t NO_LENGTH
cdef Py_ssize_t MOST_BLOCKS
cdef Py_ssize_t MOST_LINES
cdef Py_ssize_t SHORT_SECRET


cdef class RequestFields:
    cdef tuple _scheme
    cdef dict _methods
    cdef dict _blocks
    cdef dict _lines

    @cython.locals(
        first=Py_ssize_t, second=Py_ssize_t, line=Py_ssize_t, method=bytes, block=bytes, named=tuple, known=list
    )
    cpdef list of(self, bytes payload, Py_ssize_t end)
    @cython.locals(fields=list, line=bytes)
    cdef list _read(self, bytes block)


cdef class ResponseFields:
    cdef readonly int status
    cdef readonly Py_ssize_t length
    cdef readonly int encoded
    cdef readonly bint leads_on
    cdef readonly Py_ssize_t size

    @cython.locals(size=Py_ssize_t, length=Py_ssize_t, name=bytes, value=bytes, is_gzip=bint)
    cpdef object read(self, tuple headers)


@cython.locals(lines=list, name=bytes, value=bytes)
cpdef bytes head_of(tuple headers)
