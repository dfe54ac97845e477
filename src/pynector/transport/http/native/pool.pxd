cimport cython

from pynector.transport.http.native.pooled cimport PooledConnection
from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.idle cimport IdleConnections
from pynector.transport.http.native.readable cimport is_readable
from pynector.transport.http.native.room cimport Room
from pynector.transport.http.native.shared cimport SharedConnections
from pynector.transport.http.native.waiting cimport WaitingList

cdef double NEVER
cdef double YIELD
cdef Py_ssize_t SMALL
cdef int MOST_REFUSALS
cdef double EARLY
cdef double RESOLUTION


cdef class Pool:
    cdef object __weakref__
    cdef readonly tuple origin
    cdef readonly object route
    cdef readonly object now
    cdef object _opener
    cdef object _call_at
    cdef Room _room
    cdef Py_ssize_t _limit
    cdef object _forget
    cdef IdleConnections _idle
    cdef set _open
    cdef SharedConnections _shared
    cdef double _yielded
    cdef set _unsettled
    cdef WaitingList _waiting

    @cython.locals(connection=PooledConnection)
    cpdef object dispatch(self, Exchange exchange, double now)
    @cython.locals(found=PooledConnection)
    cdef PooledConnection _with_room(self, Exchange exchange, double now)
    cdef object _begin(self, PooledConnection connection, Exchange exchange)
    cdef object _not_begun(self, PooledConnection connection, Exchange exchange, object error)
    @cython.locals(now=double, freed=PooledConnection, status=int, encoded=int, version=str, is_long=bint)
    cpdef object answered(self, object connection, Exchange exchange, bytes head, bytes body)
    @cython.locals(connection=PooledConnection)
    cpdef object send_again(self, Exchange exchange)
    cpdef object unanswered(self, Exchange exchange, object problem, bint may_repeat)
    @cython.locals(now=double)
    cpdef object freed(self, PooledConnection connection)
    cpdef object resized(self, PooledConnection connection)
    cpdef object retiring(self, PooledConnection connection)
    cpdef object unprocessed(self, Exchange exchange, object problem)
    cdef bint _should_yield(self, double now) except -1
    @cython.locals(exchange=Exchange)
    cdef object _free(self, PooledConnection connection, Py_ssize_t server_timeout, double now)
    cdef object _arm(self, PooledConnection connection, double deadline)
    @cython.locals(exchange=Exchange, due=double, now=double)
    cpdef object _on_timer(self, PooledConnection connection)
    cdef bint _lacks(self) except -1
