cimport cython

from pynector.cli.records cimport Record


@cython.final
cdef class Job:
    cdef readonly Py_ssize_t number
    cdef readonly object key


@cython.final
cdef class Templates:
    cdef object _template
    cdef bint _is_empty
    cdef bint _says_where
    cdef str _key
    cdef readonly str cost

    @cython.locals(described=dict)
    cpdef dict request(self, Record record)
    @cython.locals(fields=dict)
    cpdef Job job(self, Record record)
    @cython.locals(fields=dict, request=dict)
    cdef dict _described(self, Record record)
