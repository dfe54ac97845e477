cimport cython

from pynector._speedups.ctext cimport is_of
from pynector.transport.http.native.writer cimport Writer, escaped

cdef bint COMPILED
cdef bytes TABLE


cpdef bint is_path(str path) except -1
cpdef str encoded_path(object path)
cdef str text_of(object value)
@cython.locals(parts=dict)
cpdef dict parts_of(object params)
cdef bint _add(dict parts, object name, object value) except -1
@cython.locals(text=str, part=str)
cdef bint _add_one(dict parts, str name, object value) except -1

cpdef bint put_params(Writer writer, str joint, dict params) except -1
@cython.locals(text=str)
cdef bint _put(Writer writer, str joint, str name, object value) except -1
