cimport cython

from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.http1 cimport Connection
from pynector.transport.http.native.readable cimport is_readable
from pynector.transport.http.native.room cimport Room

cdef double NEVER
cdef double FRESH
cdef double MARGIN
cdef double YIELD
cdef Py_ssize_t SMALL
cdef double EARLY
cdef double RESOLUTION


cdef class Pool:
    cdef object __weakref__
    cdef readonly tuple origin
    cdef readonly object now
    cdef object _opener
    cdef object _call_at
    cdef Room _room
    cdef Py_ssize_t _limit
    cdef Py_ssize_t _most_idle
    cdef double _expiry
    cdef object _forget
    cdef list _idle
    cdef set _open
    cdef list _attempts
    cdef object _waiting
    cdef double _due
    cdef object _watcher
    cdef object _purge_timer

    @cython.locals(connection=Connection)
    cpdef object dispatch(self, Exchange exchange, double now)
    cdef object _wait(self, Exchange exchange)
    cdef object _begin(self, Connection connection, Exchange exchange)
    @cython.locals(now=double, freed=Connection, status=int, encoded=int, version=str, is_long=bint)
    cpdef object answered(self, object connection, Exchange exchange, bytes head, bytes body)
    cdef bint _is_usable(self, Connection connection, bint repeatable, double now) except -1
    @cython.locals(life=double, exchange=Exchange, room=Room)
    cdef object _free(self, Connection connection, Py_ssize_t server_timeout, double now)
    cdef object _give(self, Connection connection)
    cdef object _arm(self, Connection connection, double deadline)
    @cython.locals(exchange=Exchange)
    cpdef object _on_timer(self, Connection connection)
    @cython.locals(attempts=Py_ssize_t)
    cdef bint _lacks(self) except -1
