cimport cython

from pynector.transport.http.native.encoder cimport RequestEncoder
from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.passed cimport PassedFields
from pynector.transport.http.native.pool cimport Pool


cdef class CarrierCore:
    cdef object __weakref__
    cdef object _clock
    cdef readonly RequestEncoder _encoder
    cdef readonly Pool _own_pool
    cdef readonly object _settings
    cdef readonly bint _is_plain
    cdef readonly Py_ssize_t _limit
    cdef public bint closed

    @cython.locals(now=double, exchange=Exchange, payload=bytes, pool=Pool, passed=PassedFields)
    cpdef object submit(self, object data, object options, double deadline, object completion, Py_ssize_t token)
    cpdef object pass_on(self, PassedFields passed, bytes payload, bint has_own)
    cpdef list passed_lines(self, PassedFields passed)
    cpdef object submit_other(self, Exchange exchange, double now)
    cpdef object conclude(self, Exchange exchange, int status, bytes head, bytes body, str version)
    cpdef object failed(self, Exchange exchange, object error)
