cimport cython

from pynector.transport.http.native.jsonbody cimport put_json
from pynector.transport.http.native.target cimport parts_of
from pynector.transport.http.native.writer cimport Writer

cdef int NOTHING
cdef int RAW
cdef int JSON
cdef int TEXT
cdef int FORM
cdef int UNKNOWN
cdef int METHOD
cdef int PATH
cdef int URL
cdef int PARAMS
cdef int HEADERS
cdef int COOKIES
cdef int AUTH
cdef int BODY
cdef int SETTING
cdef dict MEANINGS


# Nothing that it holds could hold it.
@cython.final
@cython.no_gc
@cython.freelist(8)
cdef class Form:
    cdef object method
    cdef object path
    cdef object url
    cdef object place
    cdef object headers
    cdef object more_headers
    cdef object params
    cdef object more_params
    cdef object cookies
    cdef bint has_auth
    cdef object auth
    cdef int kind
    cdef object body
    cdef bytes rest
    cdef Py_ssize_t flags
    cdef tuple numbers

    cdef bint has_own_fields(self) noexcept
    @cython.locals(described=dict)
    cdef bint read(self, object data, object options) except -1
    cdef object _clear(self)
    @cython.locals(meaning=int)
    cdef bint _take(self, dict fields, bint are_options, bint has_body=*) except -1
    cdef object _take_field(self, int meaning, object value)
    @cython.locals(flag=int)
    cdef bint _take_setting(self, int number, object value) except -1
    cdef bint _take_body(self, int kind, object value) except -1
    @cython.locals(parts=dict)
    cdef bytes encoded_body(self, object dumps, Writer writer)
