cimport cython

from pynector._speedups.cframe cimport written

cdef bint COMPILED
cdef int PONG
cdef int CLOSE
cdef int LONGEST_CONTROL
cdef Py_ssize_t MOST_LENGTH
cdef Py_ssize_t FLUSH


@cython.final
cdef class FrameScanner:
    cdef public int opcode
    cdef public Py_ssize_t begin
    cdef public Py_ssize_t end
    cdef public bint plain
    cdef public bint is_within
    cdef list _parts
    cdef Py_ssize_t _missing

    cpdef object keep(self, bytes data, Py_ssize_t start)
    cpdef bytes whole(self, bytes data)
    @cython.locals(parts=list)
    cpdef bytes joined(self, bytes data)
    @cython.locals(
        size=Py_ssize_t,
        first=int,
        second=int,
        opcode=int,
        begin=Py_ssize_t,
        length=Py_ssize_t,
        place=Py_ssize_t,
    )
    cpdef int look(self, bytes data, Py_ssize_t start, Py_ssize_t most)


@cython.final
cdef class FrameWriter:
    cdef object __weakref__
    cdef object _call_soon
    cdef object _key_source
    cdef bytes _keys
    cdef Py_ssize_t _next_key
    cdef list _out
    cdef Py_ssize_t _out_size
    cdef bint _flushing
    cdef public object transport
    cdef public double written
    cdef public bint writable
    cdef public object broken

    @cython.locals(start=Py_ssize_t)
    cpdef bytes masked(self, bytes payload, bint is_text)
    cpdef object queue(self, bytes data)
    cpdef object flush_soon(self)
    cpdef object say(self, bytes data)
    cpdef bint hold(self) except -1
    cpdef object release(self, bint held)
    @cython.locals(out=list, data=bytes)
    cpdef object write_out(self)


cpdef bytes masked_frame(int opcode, bytes payload, bytes keys, Py_ssize_t start)
