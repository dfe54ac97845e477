cimport cython

from pynector.transport.http.native.fields cimport CommonFields, Fields, cookie_line, credentials_line
from pynector.transport.http.native.form cimport Form
from pynector.transport.http.native.target cimport encoded_path, is_path, parts_of, put_params
from pynector.transport.http.native.writer cimport Writer

cdef bint COMPILED
cdef dict _METHODS


cdef class RequestEncoder:
    cdef str _stem
    cdef str _query
    cdef str _without_path
    cdef dict _parts
    cdef dict _cookies
    cdef str _cookie_line
    cdef str _credentials
    cdef str _userinfo
    cdef Fields _fields
    cdef list _common
    cdef str _head
    cdef bint _is_short
    cdef object _dumps
    cdef Writer _writer
    cdef Writer _json

    @cython.locals(payload=bytes, form=Form)
    cpdef object encode(self, object data, object options=*, object place=*)
    @cython.locals(described=dict, size=Py_ssize_t, writer=Writer)
    cdef bytes short(self, object data)
    @cython.locals(writer=Writer)
    cdef bytes written(self, Form form)
    @cython.locals(method=str, body=bytes)
    cdef bytes _whole(self, Writer writer, Form form)
    @cython.locals(target=str, query=str, joint=str, before=str, own=str)
    cdef bint _put_target(self, Writer writer, Form form) except -1
    @cython.locals(parts=dict, more=dict)
    cdef str _joined(self, Form form)
    @cython.locals(
        common=CommonFields, credentials=str, cookies=str, fields=Fields, start=Py_ssize_t, is_repeated=bint
    )
    cdef bint _put_fields(self, Writer writer, Form form) except -1


cdef bint _is_get(object method) except -1
