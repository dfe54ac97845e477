from pynector.transport.http.native.incoming cimport Incoming


cdef class IncomingStream(Incoming):
    pass
