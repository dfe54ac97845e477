cimport cython

from pynector._speedups.ctext cimport followed, is_of, put_decimal, put_escaped, put_text

cdef bint COMPILED
cdef Py_ssize_t LEAST
cdef Py_ssize_t MOST
cdef Py_ssize_t DIGITS
cdef bytes SAFE_TABLE
cdef list ESCAPED


@cython.final
cdef class Writer:
    cdef list _pieces
    cdef bytearray _buffer
    cdef Py_ssize_t _size

    cdef object clear(self)
    cdef int put(self, str text) except -1
    @cython.locals(size=Py_ssize_t)
    cdef int put_escaped(self, str text) except -1
    @cython.locals(size=Py_ssize_t)
    cdef bint put_number(self, object number) except -1
    cdef bytes taken(self, bytes body)
    @cython.locals(lacking=Py_ssize_t)
    cdef int _reserve(self, Py_ssize_t size) except -1


cpdef str escaped(str text)
