cimport cython

from pynector.transport.http.native.relayed cimport Patience


cdef class Patiences:
    cdef dict _known

    @cython.locals(known=dict, key=tuple)
    cpdef Patience of(self, object timeouts)
