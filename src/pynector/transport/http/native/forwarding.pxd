cimport cython

cdef bytes SAYS_WHO_ASKS
cdef int ASTERISK


cdef class Forwarding:
    cdef bytes _start
    cdef bytes _credentials

    @cython.locals(target=Py_ssize_t, path=Py_ssize_t, line=Py_ssize_t, said=bytes)
    cpdef bytes written(self, bytes payload)
    cdef bint _is_said(self, bytes payload) except -1
