cimport cython

cdef bint COMPILED
cdef bytes TABLE
cdef bytes TOKEN_TABLE


cdef class RequestEncoder:
    cdef bytes _stem
    cdef bytes _without_path
    cdef bytes _fields
    cdef bytes _head
    cdef bytes _json_head
    cdef object _dumps
    cdef frozenset _taken

    @cython.locals(described=dict, target=bytes, size=Py_ssize_t, extra=bytes)
    cpdef object encode(self, object data, object headers=*)
    @cython.locals(body=bytes)
    cdef bytes _with_json(self, bytes method, bytes target, bytes extra, object value)
    @cython.locals(names=set)
    cdef object _lines(self, object headers)


@cython.locals(character=Py_UCS4)
cpdef bint is_plain(str path) except -1
@cython.locals(character=Py_UCS4)
cpdef bint is_field(str name, str value) except -1
