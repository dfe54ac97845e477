cimport cython

from pynector.transport.http.native.encoder cimport RequestEncoder
from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.passed cimport PassedFields
from pynector.transport.http.native.pool cimport Pool


cdef class Submitter:
    cdef object _clock
    cdef object _owner
    cdef object _sender
    cdef RequestEncoder _encoder
    cdef Pool _own_pool
    cdef object _settings
    cdef bint _body_only
    cdef Py_ssize_t _limit

    @cython.locals(now=double, exchange=Exchange, payload=bytes, pool=Pool, passed=PassedFields)
    cpdef object submit(
        self, object data, object options, double deadline, object completion, Py_ssize_t token, object observer=*
    )
