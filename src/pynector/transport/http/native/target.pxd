cimport cython

cdef bint COMPILED
cdef bytes TABLE
cdef bytes SAFE_TABLE
cdef list ESCAPED
cdef object MOST


@cython.locals(character=Py_UCS4)
cpdef bint is_path(str path) except -1
cpdef str encoded_path(object path)
cdef str text_of(object value)
@cython.locals(character=Py_UCS4)
cpdef str escaped(str text)
@cython.locals(parts=dict)
cpdef dict parts_of(object params)
cdef bint _add(dict parts, object name, object value) except -1
@cython.locals(text=str, part=str)
cdef bint _add_one(dict parts, str name, object value) except -1
