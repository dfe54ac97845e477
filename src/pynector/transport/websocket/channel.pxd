cimport cython

from pynector.transport.websocket.frames cimport FrameScanner, masked_frame
from pynector.transport.websocket.pending cimport Matcher, Pending

cdef int TEXT
cdef int BINARY
cdef int PART
cdef int OTHER
cdef Py_ssize_t FLUSH
cdef int PING
cdef Py_ssize_t LONGEST_PING
cdef Py_ssize_t START


cdef class ChannelCore


cdef class Hub:
    cpdef object message(self, ChannelCore channel, bytes payload, bint is_text)
    cpdef object pump(self)
    cpdef object complain(self, str said, object error)


cdef class ChannelCore:
    cdef object __weakref__
    cdef Hub _hub
    cdef readonly Matcher matcher
    cdef object _clock
    cdef object _call_soon
    cdef object _key_source
    cdef Py_ssize_t _most
    cdef Py_ssize_t _most_in_flight
    cdef public object transport
    cdef public bint is_open
    cdef public bint is_plain
    cdef public bint is_proven
    cdef public bint is_within
    cdef public bint writable
    cdef public double heard
    cdef public double written
    cdef FrameScanner _scanner
    cdef bytes _keys
    cdef Py_ssize_t _next_key
    cdef list _out
    cdef Py_ssize_t _out_size
    cdef bint _flushing
    cdef list _parts
    cdef Py_ssize_t _missing
    cdef bytes _ping

    @cython.locals(most=Py_ssize_t)
    cpdef bint is_usable(self) except -1
    @cython.locals(start=Py_ssize_t, frame=bytes)
    cpdef object send(self, Pending pending)
    cdef object _queue(self, bytes data)
    cpdef object say(self, bytes data)
    @cython.locals(out=list, data=bytes)
    cpdef object write_out(self)
    @cython.locals(parts=list)
    cdef bytes _joined(self)
    @cython.locals(held=bint)
    cpdef object read(self, bytes data)
    @cython.locals(scanner=FrameScanner, start=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, found=int)
    cdef object _read_frames(self, bytes data)
    cdef object _leave_broken(self, bytes data)
    cpdef object take(self, bytes payload, bint is_text)
    cpdef object broken(self, object error)
    cpdef object leave(self, bytes data)
    cpdef object refuse_text(self, bytes payload)
    cpdef object refuse_frame(self, bytes begin)


cdef bint is_utf8(bytes payload) except -1
