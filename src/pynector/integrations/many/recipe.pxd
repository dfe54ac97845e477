cimport cython

from pynector.templates cimport RequestTemplate, described, value_of


@cython.final
cdef class Recipe:
    cdef RequestTemplate _template
    cdef bint _is_described
    cdef object _key
    cdef object _job
    cdef readonly object wanted

    cdef dict _request(self, dict fields)
    cdef object _key_of(self, dict fields, object part, Py_ssize_t number)
