cimport cython


cdef class Results:
    cpdef object put(self, Py_ssize_t index, object entry, double started, Py_ssize_t attempts, object result)


cdef class ListResults(Results):
    cdef readonly list results

    @cython.locals(results=list)
    cpdef object put(self, Py_ssize_t index, object entry, double started, Py_ssize_t attempts, object result)
