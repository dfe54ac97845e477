cimport cython

from pynector.transport.websocket.timeouts cimport Timeouts
from pynector.transport.websocket.channel cimport ChannelCore, Hub
from pynector.transport.websocket.pending cimport Matcher, Pending


cdef class SwitchboardCore(Hub):
    cdef object __weakref__
    cdef readonly Timeouts _timeouts
    cdef readonly list channels
    cdef public object _waiting
    cdef Py_ssize_t _wanted
    cdef bint _takes_text
    cdef bint _as_response
    cdef bint _idempotent
    cdef public bint closed
    cdef public Py_ssize_t late

    @cython.locals(pending=Pending, payload=bytes, channel=ChannelCore)
    cpdef object submit(self, object data, object options, double deadline, object completion, Py_ssize_t token)
    @cython.locals(best=ChannelCore, channel=ChannelCore, least=Py_ssize_t, load=Py_ssize_t)
    cdef ChannelCore _free(self)
    cdef object _send(self, ChannelCore channel, Pending pending)
    @cython.locals(channel=ChannelCore)
    cpdef object pump(self)
    @cython.locals(channel=ChannelCore)
    cpdef object given_up(self, Pending pending)
    cpdef object ended_late(self, Pending pending)
    @cython.locals(matcher=Matcher, pending=Pending)
    cpdef object message(self, ChannelCore channel, bytes payload, bint is_text)
    cdef object _answer(self, Pending pending, bytes payload, bint is_text)


cdef bytes utf8(str text)
