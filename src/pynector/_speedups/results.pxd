cdef class Results:
    cpdef object put(self, Py_ssize_t index, object result)


cdef class ListResults(Results):
    cdef readonly list results

    cpdef object put(self, Py_ssize_t index, object result)
