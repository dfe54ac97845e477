from pynector._speedups.scheduler cimport Deadlines


cdef class Job:
    cdef readonly object data
    cdef readonly object options
    cdef readonly double deadline
    cdef public object completion
    cdef readonly Py_ssize_t token
    cdef readonly object observer
    cdef readonly double submitted
    cdef public object scope
    cdef public object reached

    cpdef tuple progress(self)
    cpdef object name(self)
    cpdef object cancel(self)


cdef class Jobs:
    cdef object _clock
    cdef object _spawn
    cdef object _sooner
    cdef Deadlines _deadlines
    cdef object _waiting
    cdef Py_ssize_t _telling

    cpdef Job submit(
        self, object data, object options, double deadline, object completion, Py_ssize_t token, object observer=*
    )
    cpdef bint begin(self, Job job, Py_ssize_t worker, object scope) except -1
    cpdef object left(self, Py_ssize_t worker)
    cpdef object succeed(self, Job job, object answer)
    cpdef object fail(self, Job job, object error)
    cpdef object take(self)
    cpdef double due(self) except? -1
    cpdef list late(self)
