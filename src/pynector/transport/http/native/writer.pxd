cimport cython

from pynector._speedups.ctext cimport followed, is_of, put_decimal, put_escaped, put_name, put_quoted, put_text

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
    cdef Py_ssize_t _room
    cdef Py_ssize_t _size

    cdef object clear(self)
    @cython.locals(size=Py_ssize_t)
    cdef int put(self, str text) except -1
    @cython.locals(size=Py_ssize_t)
    cdef int put_escaped(self, str text) except -1
    @cython.locals(size=Py_ssize_t)
    cdef int put_name(self, str joint, str name) except -1
    @cython.locals(size=Py_ssize_t)
    cdef bint put_quoted(self, str text) except -1
    @cython.locals(size=Py_ssize_t)
    cdef bint put_number(self, object number) except -1
    cdef Py_ssize_t size(self) except -1
    cdef str since(self, Py_ssize_t size)
    cdef bytes taken(self, bytes body)
    cdef int _grow(self, Py_ssize_t size) except -1


cpdef str escaped(str text)
