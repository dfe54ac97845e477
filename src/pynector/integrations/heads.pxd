cimport cython

from pynector.integrations.messages cimport remember
from pynector.transport.http.native.readable cimport is_readable
from pynector.transport.http.native.relayed cimport Relayed

cdef dict _VERSIONS
cdef frozenset _USUAL
cdef dict _fields
cdef dict _texts
cdef dict _names
cdef Py_ssize_t LONGEST


@cython.locals(lines=list, line=bytes, version=str, extensions=dict)
cpdef tuple head_of(Relayed relayed)
@cython.locals(name=bytes, value=bytes, field=tuple)
cpdef tuple field_of(bytes line)
@cython.locals(found=list, field=tuple, text=tuple, name=bytes, value=bytes)
cpdef list texts_of(list fields)
@cython.locals(lower=bytes)
cpdef bint has_field(list fields, str name) except -1


cdef class NetworkStream:
    cdef object _transport

    cpdef object get_extra_info(self, object info)
