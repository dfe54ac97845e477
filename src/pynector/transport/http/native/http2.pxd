cimport cython

from pynector.transport.http.native.pooled cimport PooledConnection
from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.http2bodies cimport Bodies
from pynector.transport.http.native.http2fields cimport RequestFields, ResponseFields
from pynector.transport.http.native.http2stream cimport Stream

cdef object RESPONSE
cdef object DATA
cdef object CLOSED


cdef class Http2Connection(PooledConnection):
    cdef object _scratch
    cdef object _owner
    cdef object _call_soon
    cdef Py_ssize_t _most
    cdef object _protocol
    cdef object _send_request
    cdef RequestFields _fields
    cdef ResponseFields _read
    cdef dict _streams
    cdef Bodies _bodies
    cdef object _last
    cdef object _left
    cdef bint _is_busy
    cdef bint _is_planned
    cdef object _goaway
    cdef object _clock
    cdef readonly double heard
    cdef readonly Py_ssize_t written
    cdef public object keepalive

    @cython.locals(payload=bytes, body=bytes, sends=bint, stream=Stream)
    cpdef object start(self, Exchange exchange)
    @cython.locals(stream=Stream)
    cpdef object exchanges(self)
    cpdef object abandon(self)
    cpdef object close(self)
    cpdef object say_end(self)
    cpdef object release(self)
    cpdef str phase_of(self, Stream stream)
    cpdef object reset(self, Stream stream, int code)
    cpdef object set_window(self, Stream stream, Py_ssize_t size)
    cpdef object send(self, Stream stream, bytes data, bint is_last)
    cpdef object refuse(self, Stream stream, object problem, int code)
    cpdef object buffer_updated(self, Py_ssize_t count)
    cdef object _plan(self)
    cpdef object _on_turn(self)
    cdef object _flush(self)
    @cython.locals(data=bytes, events=list)
    cdef bint _write_some(self) except -1
    cdef object _last_begun(self)
    cdef object _say_reset(self, Stream stream, int code)
    @cython.locals(stream=Stream)
    cdef object _take(self, list events)
    @cython.locals(stream=Stream)
    cdef object _take_rare(self, object event, object kind)
    cdef Stream _stream(self, object event)
    @cython.locals(exchange=Exchange, is_sending=bint)
    cdef object _complete(self, Stream stream)
    cdef object _on_closed(self, Stream stream, object event)
    cdef object _on_settings(self, object event)
    @cython.locals(stream=Stream)
    cdef object _recall(self)
    cdef object _on_ended(self, object event)
    @cython.locals(stream=Stream)
    cdef object _break(self, str problem)
    cdef object _end_if_clogged(self, Stream stream)
    cdef bint _drop(self, Stream stream) except -1
    @cython.locals(stream=Stream)
    cdef object _let_go(self)
