cimport cython

cdef bint COMPILED
cdef bytes TABLE
cdef bytes TOKEN_TABLE
cdef bytes SAFE_TABLE
cdef list ESCAPED
cdef object MOST
cdef frozenset _METHODS
cdef frozenset _FRAMING


cdef class RequestEncoder:
    cdef str _stem
    cdef str _without_path
    cdef str _text
    cdef str _json_text
    cdef dict _lines
    cdef dict _json_lines
    cdef bytes _head
    cdef object _dumps

    @cython.locals(described=dict, size=Py_ssize_t)
    cpdef object encode(self, object data, object options=*, object place=*)
    @cython.locals(size=Py_ssize_t, has_json=bint)
    cdef object _described(self, dict described, str target, object options)
    @cython.locals(target=str)
    cdef object _data(self, object value, object options)
    @cython.locals(query=str, joint=str, fields=str, start=str, end=str, body=bytes, whole_head=bytes)
    cdef object _written(
        self, object method, str target, object headers, object params, object value, bint has_json
    )
    @cython.locals(pairs=list, text=str)
    cdef object _query(self, object params)
    @cython.locals(own=dict, replaces=bint, lower=str, line=str)
    cdef object _fields(self, object headers, dict common, str text)


@cython.locals(character=Py_UCS4)
cpdef bint is_path(str path) except -1
@cython.locals(character=Py_UCS4, text=str)
cpdef bint is_field(str name, object value) except -1
cdef str text_of(object value)
@cython.locals(character=Py_UCS4)
cpdef str escaped(str text)
