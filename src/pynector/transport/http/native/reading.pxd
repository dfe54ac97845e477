cimport cython

from pynector._speedups.cbytes cimport seal, uninitialised, writable

cdef bint COMPILED
cdef Py_ssize_t LEAST_ROOM
cdef Py_ssize_t MOST_ROOM


@cython.final
cdef class BodyReader:
    cdef readonly Py_ssize_t left
    cdef readonly bint excess
    cdef object _bytes
    cdef object _room
    cdef Py_ssize_t _most
    cdef Py_ssize_t _size
    cdef Py_ssize_t _filled
    cdef bint _is_whole

    cpdef object stop(self)
    cpdef object start(self, Py_ssize_t length, bint is_whole)
    cpdef object room(self)
    @cython.locals(size=Py_ssize_t)
    cpdef bytes took(self, Py_ssize_t count)
    @cython.locals(size=Py_ssize_t)
    cpdef bytes put(self, object data)
    @cython.locals(size=Py_ssize_t, end=Py_ssize_t)
    cdef object _make_room(self)
    @cython.locals(piece=bytes)
    cdef bytes _cut(self, Py_ssize_t size)
