from pynector._speedups.scheduler cimport Scheduler


cdef class Collector:
    cdef Scheduler _scheduler
    cdef object _translate
    cdef public object wake
    cdef bytearray _done
    cdef readonly list results
    cdef public bint busy
    cdef readonly Py_ssize_t failures
    cdef readonly object first_error

    cpdef object succeed(self, Py_ssize_t token, object response)
    cpdef object fail(self, Py_ssize_t token, object error)
    cpdef object attach(self, Py_ssize_t token, object handle)
    cpdef bint complete(self) except -1
    cpdef object abandon(self, object error)
    cdef bint _settle(self, Py_ssize_t token) except -1
