from pynector.transport.http.native.relayed cimport Patience


cdef class Patiences:
    cdef dict _known

    cpdef Patience of(self, object timeouts)
