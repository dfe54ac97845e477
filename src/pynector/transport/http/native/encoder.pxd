cimport cython

from pynector.transport.http.native.fields cimport cookie_line, credentials_line, lines_of, overlaid
from pynector.transport.http.native.form cimport Form
from pynector.transport.http.native.target cimport encoded_path, is_path, parts_of

cdef dict _METHODS


cdef class CommonFields:
    cdef dict unsigned
    cdef dict lines
    cdef readonly str text

    @cython.locals(lines=dict)
    cpdef dict signed(self, str credentials, str cookies)


cdef class RequestEncoder:
    cdef str _stem
    cdef str _query
    cdef str _without_path
    cdef dict _parts
    cdef dict _cookies
    cdef str _cookie_line
    cdef str _credentials
    cdef str _userinfo
    cdef list _common
    cdef bytes _head
    cdef bint _is_short
    cdef object _dumps

    @cython.locals(described=dict, size=Py_ssize_t, form=Form)
    cpdef object encode(self, object data, object options=*, object place=*)
    @cython.locals(method=str, target=str, fields=str, length=str, head=bytes, body=bytes)
    cdef object _written(self, Form form)
    @cython.locals(target=str, query=str, joint=str, before=str, own=str)
    cdef str _target(self, Form form)
    @cython.locals(parts=dict, more=dict)
    cdef str _joined(self, Form form)
    @cython.locals(common=CommonFields, lines=dict, text=str, credentials=str, cookies=str, own=dict, more=dict)
    cdef str _fields(self, Form form)


cdef bint _is_get(object method) except -1
