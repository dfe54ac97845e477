cimport cython

from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.head cimport Head


cdef class PooledConnection:
    cdef object __weakref__
    cdef public object transport
    cdef readonly Py_ssize_t load
    cdef readonly Py_ssize_t limit
    cdef readonly bint settled
    cdef readonly bint multiplexes
    cdef readonly Head fields
    cdef readonly bint reusable
    cdef readonly bint is_full
    cdef public bint used
    cdef public bint retired
    cdef public double idle_since
    cdef public double idle_until
    cdef public double due
    cdef public int descriptor
    cdef public object timer
    cdef public object loss
    cdef public str version

    cpdef object start(self, Exchange exchange)
    cpdef object exchanges(self)
    @cython.locals(due=double, exchange=Exchange)
    cpdef tuple overdue(self, double now)
    cpdef object abandon(self)
    cpdef object close(self)
    cpdef object say_end(self)
    cpdef object release(self)
