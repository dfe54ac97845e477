cimport cython

cdef bint COMPILED
cdef bytes TOKEN_TABLE
cdef frozenset _FRAMING


@cython.locals(character=Py_UCS4, text=str)
cpdef bint is_field(str name, object value) except -1
@cython.locals(lines=dict)
cpdef dict lines_of(object headers)
@cython.locals(lower=str, line=str)
cdef bint _add(dict lines, object name, object value) except -1
@cython.locals(name=str, line=str, lower=str, lines=list)
cpdef str overlaid(dict common, str text, dict own)
@cython.locals(pairs=dict)
cpdef str cookie_line(dict common, object cookies)
cpdef str credentials_line(object auth)
