cimport cython

from pynector._speedups.csocket cimport pynector_readable
from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.http1 cimport Connection

cdef bint COMPILED
cdef double NEVER
cdef double FRESH
cdef double MARGIN
cdef double YIELD
cdef Py_ssize_t SMALL


cdef class Room:
    cdef public Py_ssize_t most
    cdef public Py_ssize_t taken
    cdef public dict starved
    cdef public double since
    cdef dict _waiting
    cdef object _clock
    cdef object _evict

    cpdef bint enter(self, object pool, bint has_none) except -1
    cpdef object leave(self)
    cpdef object serve(self)
    cpdef object forget(self, object pool)


cdef class PoolCore:
    cdef object __weakref__
    cdef public object _engine
    cdef public object _loop
    cdef object _now
    cdef public Room _room
    cdef public Py_ssize_t _limit
    cdef Py_ssize_t _most_idle
    cdef public double _expiry
    cdef public list _idle
    cdef public set _open
    cdef public list _attempts
    cdef public object _waiting
    cdef public double _due
    cdef public object _purge_timer

    @cython.locals(connection=Connection)
    cpdef object dispatch(self, Exchange exchange, double now)
    cpdef object wait(self, Exchange exchange)
    @cython.locals(attempts=Py_ssize_t)
    cpdef bint lacks(self) except -1
    cdef bint _is_usable(self, Connection connection, bint repeatable, double now) except -1
    cpdef object _begin(self, Connection connection, Exchange exchange)
    @cython.locals(life=double, exchange=Exchange, room=Room)
    cpdef object _free(self, Connection connection, Py_ssize_t server_timeout)
    cpdef object _give(self, Connection connection)
    @cython.locals(freed=Connection, version=str)
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
    cpdef object arm(self, Connection connection, double deadline)
    @cython.locals(exchange=Exchange)
    cpdef object on_timer(self, Connection connection)
    cpdef object connect(self)
    cpdef object watch(self, double when)
    cpdef object part_with(self, Connection connection)
    cpdef object look_closer(self, Connection connection, Py_ssize_t server_timeout)
    cpdef object not_begun(self, Connection connection, Exchange exchange, object error)
    cpdef object plan_purge(self)


@cython.locals(told=int)
cpdef bint is_readable(int descriptor) except -1
