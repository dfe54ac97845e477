cimport cython


cdef class Told:
    cpdef object succeed(self, Py_ssize_t token, object response)
    cpdef object fail(self, Py_ssize_t token, object error)


@cython.locals(told=Told)
cpdef object succeed(object completion, Py_ssize_t token, object response)
