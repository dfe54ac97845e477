cimport cython


@cython.final
cdef class Record:
    cdef readonly Py_ssize_t number
    cdef readonly Py_ssize_t line
    cdef readonly dict fields
    cdef readonly str problem
    cdef readonly bint is_row


@cython.final
cdef class Lines:
    cdef bytes _delimiter
    cdef object _rest
    cdef Py_ssize_t _number
    cdef list _open
    cdef bint _is_open

    @cython.locals(end=Py_ssize_t, whole=bytes)
    cpdef list feed(self, bytes block)
    @cython.locals(found=list)
    cpdef list finish(self)
    @cython.locals(first=Py_ssize_t)
    cdef list _numbered(self, list lines)
    @cython.locals(found=list, line=bytes, row=list)
    cdef list _joined(self, list lines)
    @cython.locals(is_open=bint, is_begin=bint, text=bytes)
    cdef bint _goes_on(self, bytes line) except -1


@cython.final
cdef class Records:
    cdef str _kind
    cdef bint _is_rows
    cdef Lines _lines
    cdef object _parse
    cdef Py_ssize_t _number

    @cython.locals(text=str)
    cdef Record _record(self, Py_ssize_t number, bytes line)


@cython.locals(end=Py_ssize_t)
cpdef object of_json(str text)
cdef tuple _scanned(str text)
