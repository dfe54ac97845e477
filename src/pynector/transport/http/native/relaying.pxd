cimport cython

from pynector.transport.http.native.exchange cimport Exchange, target_of
from pynector.transport.http.native.pool cimport Pool
from pynector.transport.http.native.relayed cimport Patience, Relayed
from pynector.transport.http.native.submitter cimport Terms

cdef Py_ssize_t SHORT


cdef class Message:
    cdef readonly tuple origin
    cdef readonly object server_name
    cdef readonly bytes head
    cdef readonly bytes body
    cdef readonly object source
    cdef readonly object length
    cdef readonly bint is_head
    cdef readonly bint closes


cdef class Relay:
    cdef object _tasks
    cdef object _now
    cdef object _pools
    cdef object _answers
    cdef Terms _terms

    @cython.locals(now=double, exchange=Exchange, relayed=Relayed)
    cpdef Relayed begin(self, Message message, Patience patience)
    @cython.locals(head=bytes)
    cdef object _prepare_upload(self, Exchange exchange, Message message)
