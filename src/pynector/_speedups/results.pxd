cimport cython


cdef class Results:
    cpdef object put(self, Py_ssize_t index, object entry, double started, Py_ssize_t attempts, object result)


cdef class ListResults(Results):
    cdef readonly list results

    @cython.locals(results=list)
    cpdef object put(self, Py_ssize_t index, object entry, double started, Py_ssize_t attempts, object result)


cdef class TakenResults(Results):
    cdef object _make
    cdef object _ready
    cdef bint _ordered
    cdef object _items
    cdef dict _early
    cdef Py_ssize_t _next
    cdef readonly Py_ssize_t taken

    cpdef object put(self, Py_ssize_t index, object entry, double started, Py_ssize_t attempts, object result)
    cpdef object take(self)
