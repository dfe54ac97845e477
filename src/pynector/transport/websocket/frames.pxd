cimport cython

from pynector._speedups.cframe cimport written

cdef bint COMPILED
cdef int PONG
cdef int CLOSE
cdef int LONGEST_CONTROL
cdef Py_ssize_t MOST_LENGTH


@cython.final
cdef class FrameScanner:
    cdef public int opcode
    cdef public Py_ssize_t begin
    cdef public Py_ssize_t end
    cdef public bint plain

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


cpdef bytes masked_frame(int opcode, bytes payload, bytes keys, Py_ssize_t start)
