cimport cython

from pynector.cli.latencies cimport Latencies
from pynector.dispatch.item cimport BatchItem
from pynector.transport.http.response cimport Response


@cython.final
cdef class Summary:
    cdef readonly Py_ssize_t succeeded
    cdef readonly Py_ssize_t failed
    cdef readonly Py_ssize_t retries
    cdef readonly Py_ssize_t received
    cdef public Py_ssize_t skipped
    cdef public Py_ssize_t bad
    cdef readonly Latencies latencies
    cdef dict _statuses
    cdef object _errors
    cdef str _first_error

    cpdef object add(self, BatchItem item)
    @cython.locals(response=Response, attempts=Py_ssize_t)
    cpdef object count(self, BatchItem item)
