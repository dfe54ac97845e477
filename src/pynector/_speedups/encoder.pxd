cimport cython

cdef bint COMPILED
cdef bytes TABLE


cdef class RequestEncoder:
    cdef bytes _stem
    cdef bytes _without_path
    cdef bytes _head
    cdef bytes _json_head
    cdef object _dumps

    @cython.locals(described=dict, target=bytes, size=Py_ssize_t)
    cpdef object encode(self, object data)
    @cython.locals(body=bytes)
    cdef bytes _with_json(self, bytes method, bytes target, object value)


@cython.locals(character=Py_UCS4)
cpdef bint is_plain(str path) except -1
