cimport cython

from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.incoming cimport Incoming
from pynector.transport.http.native.submitter cimport Submitter


cdef class IncomingStream(Incoming):
    pass


cdef class Streams:
    cdef object _answers
    cdef object _tasks
    cdef Submitter _submitter
    cdef object _sender
    cdef object _prepared

    @cython.locals(now=double, exchange=Exchange, stream=IncomingStream)
    cdef IncomingStream _begun(self, object data, object options, double timeout, object observer)
