cimport cython

from pynector._speedups.told cimport succeed


@cython.final
@cython.freelist(256)
cdef class Pending:
    cdef public object owner
    cdef public double deadline
    cdef public object completion
    cdef public Py_ssize_t token
    cdef public bytes payload
    cdef public bint is_text
    cdef public object key
    cdef public object taken
    cdef public bint as_response
    cdef public bint idempotent
    cdef public bint one_way
    cdef public Py_ssize_t repeats
    cdef public object connection
    cdef public bint was_sent
    cdef public object error

    cpdef object cancel(self)
    cpdef object fail(self, object error)
    cpdef object succeed(self, object answer)
    cdef object _end(self)
