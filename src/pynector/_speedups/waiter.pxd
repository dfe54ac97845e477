from pynector._speedups.told cimport Told


cdef class Answer(Told):
    cdef readonly object future
    cdef readonly bint ended
    cdef readonly object response
    cdef readonly object error

    cpdef object succeed(self, Py_ssize_t token, object response)
    cpdef object fail(self, Py_ssize_t token, object error)
    cpdef object taken(self)
    cdef object _wake(self)
