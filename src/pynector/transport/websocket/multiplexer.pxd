cimport cython

from pynector.transport.websocket.connection cimport Connection
from pynector.transport.websocket.pending cimport Pending
from pynector.transport.websocket.timeouts cimport Timeouts


@cython.final
cdef class Multiplexer:
    cdef object __weakref__
    cdef object _owner
    cdef object _prepare
    cdef readonly object complain
    cdef Timeouts _timeouts
    cdef readonly list connections
    cdef readonly object waiting
    cdef Py_ssize_t _wanted
    cdef object _most_repeats
    cdef bint _takes_text
    cdef bint _as_response
    cdef bint _idempotent
    cdef public bint closed
    cdef public Py_ssize_t late

    @cython.locals(pending=Pending, payload=bytes, connection=Connection)
    cpdef object submit(self, object data, object options, double deadline, object completion, Py_ssize_t token)
    @cython.locals(best=Connection, connection=Connection, least=Py_ssize_t, load=Py_ssize_t)
    cdef Connection _free(self)
    cdef object _send(self, Connection connection, Pending pending)
    @cython.locals(connection=Connection)
    cpdef object send_waiting(self)
    @cython.locals(connection=Connection)
    cpdef object given_up(self, Pending pending)
    cpdef object ended_late(self, Pending pending)


cdef bytes utf8(str text)
