cimport cython


cpdef object frozen(object value)
@cython.locals(copy=dict)
cdef object _frozen(object value, Py_ssize_t left)
