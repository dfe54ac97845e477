cimport cython


@cython.final
cdef class BatchItem:
    cdef public Py_ssize_t index
    cdef public object key
    cdef public object request
    cdef public object result
    cdef public object error
    cdef public double elapsed
    cdef public Py_ssize_t attempts


@cython.locals(item=BatchItem)
cpdef BatchItem item_of(
    Py_ssize_t index, object key, object request, object result, object error, double elapsed, Py_ssize_t attempts
)
