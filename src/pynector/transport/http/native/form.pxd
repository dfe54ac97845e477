cimport cython

from pynector.transport.http.native.target cimport parts_of

cdef int NOTHING
cdef int RAW
cdef int JSON
cdef int TEXT
cdef int FORM


cdef class Form:
    cdef object place
    cdef object method
    cdef object path
    cdef object headers
    cdef object more_headers
    cdef object params
    cdef object more_params
    cdef object cookies
    cdef bint has_auth
    cdef object auth
    cdef int kind
    cdef object body

    cdef bint read(self, object data, object options) except -1
    cdef bint _take(self, dict fields, bint are_options, bint has_body=*) except -1
    cdef bint _take_body(self, int kind, object value) except -1
    @cython.locals(parts=dict)
    cdef bytes encoded_body(self, object dumps)
