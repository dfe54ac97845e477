cimport cython

from pynector._speedups.csocket cimport pynector_readable

cdef bint COMPILED


@cython.locals(told=int)
cpdef bint is_readable(int descriptor) except -1
