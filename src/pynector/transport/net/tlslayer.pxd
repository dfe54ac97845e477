cimport cython

from pynector._speedups.cbytes cimport first_of

cdef bint COMPILED
cdef Py_ssize_t BATCH
cdef Py_ssize_t ONE_RECORD


cdef class TLSLayer:
    cdef object _context
    cdef object _incoming
    cdef object _outgoing
    cdef object _tls
    cdef object _decrypt
    cdef object _encrypt
    cdef object _put_in
    cdef object _take_out
    cdef object _call_soon
    cdef object _scratch
    cdef object _on_connected
    cdef object _lower
    cdef object _write_below
    cdef object _next
    cdef object _backlog
    cdef object _error
    cdef object _protocol
    cdef object _get_buffer
    cdef object _buffer_updated
    cdef Py_ssize_t _size
    cdef bint _paused
    cdef bint _full
    cdef bint _is_stuck
    cdef bint _is_told_full
    cdef bint _eof
    cdef bint _cut_off
    cdef bint _closing
    cdef bint _is_said
    cdef bint _is_open
    cdef bint _lost

    cpdef object get_buffer(self, Py_ssize_t sizehint)
    cpdef object buffer_updated(self, Py_ssize_t count)
    cpdef object write(self, object data)
    cpdef Py_ssize_t get_write_buffer_size(self) except -1
    cpdef bint is_closing(self) except -1
    cpdef object abort(self)
    cpdef object close(self)
    cdef object _tell(self, object error)
    cdef object _fail(self, object error)
    cdef object _shake_hands(self)
    @cython.locals(is_full=bint)
    cdef object _tell_whether_full(self)
    @cython.locals(count=Py_ssize_t, size=Py_ssize_t, is_buffered=bint)
    cdef object _read(self)
    @cython.locals(filled=Py_ssize_t, size=Py_ssize_t, asked=Py_ssize_t, count=Py_ssize_t)
    cdef Py_ssize_t _fill(self, object room, Py_ssize_t size) except -1
    @cython.locals(size=Py_ssize_t)
    cdef object _put(self, object data)
    cdef object _drop(self)
    cdef object _send(self)
    @cython.locals(taken=Py_ssize_t, size=Py_ssize_t, count=Py_ssize_t)
    cdef bint _encrypt_some(self) except -1
    cdef object _await_peer(self)
    cdef object _flush(self)
    @cython.locals(data=bytes)
    cdef object _take_down(self)
    cdef object _flush_unasked(self)
