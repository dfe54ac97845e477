cimport cython


@cython.final
cdef class Template:
    cdef list _parts
    cdef bint _is_url
    cdef object _constant

    cpdef object filled(self, dict fields)


@cython.final
cdef class JSONTemplate:
    cdef object _make
    cdef set _fields

    cpdef object filled(self, dict fields)


@cython.final
cdef class RequestTemplate:
    cdef list _makes
    cdef object _method
    cdef list _headers
    cdef readonly bint says_where
    cdef readonly bint is_empty
    cdef readonly set fields

    cpdef dict filled(self, dict fields, dict described)


cpdef dict described(dict fields, object known, bint null_is_json=*)
cpdef object value_of(dict fields, object name)
cpdef object as_text(object name, object value)
