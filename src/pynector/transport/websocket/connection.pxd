cimport cython

from pynector.transport.websocket.frames cimport FrameScanner, FrameWriter
from pynector.transport.websocket.matchers cimport Matcher
from pynector.transport.websocket.pending cimport Pending

cdef int TEXT
cdef int PART
cdef int OTHER
cdef int PING
cdef Py_ssize_t LONGEST_PING
cdef Py_ssize_t START
cdef double STEADY


@cython.final
cdef class Connection:
    cdef object __weakref__
    cdef object _owner
    cdef object _requests
    cdef object _waiting
    cdef readonly Matcher matcher
    cdef object _held
    cdef readonly FrameWriter writer
    cdef readonly object protocol
    cdef object _keep_alive
    cdef readonly object link
    cdef object _loop
    cdef object _clock
    cdef Py_ssize_t _most
    cdef Py_ssize_t _most_in_flight
    cdef readonly object attempt
    cdef bint _is_plain
    cdef public bint is_open
    cdef public bint is_proven
    cdef public double heard
    cdef double _since
    cdef FrameScanner _scanner
    cdef bytes _ping
    cdef object _paused
    cdef bint _leaving
    cdef bint _aborted

    cpdef Py_ssize_t owed(self) except -1
    @cython.locals(most=Py_ssize_t)
    cpdef bint is_usable(self) except -1
    @cython.locals(frame=bytes, data=bytes)
    cpdef object send(self, Pending pending)
    cpdef object broken(self, object error)
    @cython.locals(scanner=FrameScanner, start=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, found=int)
    cdef object _read(self, bytes data)
    cdef object _leave(self, object data)
    cdef object _leave_wrong(self, bytes data)
    cdef object _send_protocol(self)
    @cython.locals(pending=Pending)
    cdef object _take(self, bytes payload, bint is_text)
    cdef object _answer(self, Pending pending, bytes payload, bint is_text)
    cpdef object replace(self)
    cdef object _end_at_once(self)
    cdef object _wind_down(self)
    cdef object _end(self)


cdef bint is_utf8(bytes payload) except -1
