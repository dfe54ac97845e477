cimport cython

from pynector.dispatch.item cimport BatchItem


@cython.final
cdef class Answers:
    cdef object _prefix
    cdef object _body
    cdef object _kind
    cdef object _read
    cdef readonly Py_ssize_t count
    cdef list _status
    cdef list _bodies
    cdef list _error
    cdef list _message
    cdef list _phase
    cdef list _sent
    cdef list _attempts
    cdef list _elapsed

    cpdef object put(self, Py_ssize_t row, BatchItem item)
    cdef object _say(self, Py_ssize_t row, object error)
