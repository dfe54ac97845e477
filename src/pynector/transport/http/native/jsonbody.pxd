from pynector.transport.http.native.writer cimport Writer

cdef int DEPTH


cpdef bint put_json(Writer writer, object value, int depth=*) except -1
cdef bint _put_members(Writer writer, dict members, int depth) except -1
cdef bint _put_items(Writer writer, object items, int depth) except -1
