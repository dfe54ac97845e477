cimport cython

cdef bint COMPILED
cdef bytes TABLE
cdef bytes TOKEN_TABLE
cdef bytes SAFE_TABLE
cdef list ESCAPED
cdef object MOST
cdef dict _STARTS


cdef class RequestEncoder:
    cdef bytes _stem
    cdef bytes _without_path
    cdef bytes _fields
    cdef bytes _head
    cdef bytes _json_fields
    cdef object _dumps
    cdef frozenset _taken

    @cython.locals(described=dict, target=bytes, size=Py_ssize_t)
    cpdef object encode(self, object data, object headers=*, object params=*)
    @cython.locals(size=Py_ssize_t, has_json=bint)
    cdef object _described(self, dict described, bytes target, object headers, object params)
    @cython.locals(start=bytes, query=bytes, joint=bytes, extra=bytes, end=bytes, body=bytes, length=bytes)
    cdef object _written(
        self, object method, bytes target, object headers, object params, object value, bint has_json
    )
    @cython.locals(pairs=list)
    cdef object _query(self, object params)
    @cython.locals(names=set, lines=list)
    cdef object _lines(self, object headers)


@cython.locals(character=Py_UCS4)
cpdef bint is_path(str path) except -1
@cython.locals(character=Py_UCS4)
cpdef bint is_field(str name, str value) except -1
@cython.locals(character=Py_UCS4)
cpdef str escaped(str text)
