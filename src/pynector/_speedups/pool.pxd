cimport cython

from pynector._speedups.csocket cimport pynector_readable
from pynector._speedups.exchange cimport Exchange, Owner, Receiver
from pynector._speedups.http1 cimport ConnectionCore

cdef bint COMPILED
cdef double NEVER
cdef double FRESH
cdef double MARGIN
cdef Py_ssize_t SMALL


cdef class PoolCore(Owner):
    cdef object __weakref__
    cdef public Receiver _engine
    cdef public object _loop
    cdef object _now
    cdef public Py_ssize_t _limit
    cdef Py_ssize_t _most_idle
    cdef public double _expiry
    cdef public list _idle
    cdef public set _open
    cdef public Py_ssize_t _connecting
    cdef public dict _bound
    cdef public object _queued
    cdef public object _purge_timer

    @cython.locals(connection=ConnectionCore)
    cpdef object dispatch(self, Exchange exchange, double now)
    cdef bint _is_usable(self, ConnectionCore connection, bint repeatable, double now) except -1
    cpdef object _begin(self, ConnectionCore connection, Exchange exchange)
    cpdef object _start_clock(self, Exchange exchange)
    @cython.locals(life=double, exchange=Exchange)
    cpdef object _free(self, ConnectionCore connection, Py_ssize_t server_timeout)
    @cython.locals(exchange=Exchange)
    cpdef object _give(self, ConnectionCore connection)
    @cython.locals(freed=ConnectionCore, version=str)
    cpdef object answered(
        self,
        object connection,
        Exchange exchange,
        int status,
        bytes head,
        bytes body,
        bint encoded,
        bint reusable,
        Py_ssize_t server_timeout,
    )
    cpdef object arm(self, ConnectionCore connection, double deadline)
    @cython.locals(exchange=Exchange)
    cpdef object on_alarm(self, ConnectionCore connection)
    cpdef object connect(self, Exchange exchange)
    cpdef object part_with(self, ConnectionCore connection)
    cpdef object look_closer(self, ConnectionCore connection, Py_ssize_t server_timeout)
    cpdef object not_begun(self, ConnectionCore connection, Exchange exchange, object error)
    cpdef object plan_purge(self)


@cython.locals(told=int)
cpdef bint is_readable(int descriptor) except -1
