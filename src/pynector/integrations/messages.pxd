cimport cython

from pynector.transport.http.native.relaying cimport Message

cdef Py_ssize_t MOST
cdef Py_ssize_t LONGEST
cdef Py_ssize_t LONGEST_BLOCK
cdef Py_ssize_t MOST_DIGITS


cdef class Block:
    cdef readonly bytes lines
    cdef readonly object length
    cdef readonly bint is_chunked
    cdef readonly bint closes


cdef class Messages:
    cdef object _byte_stream
    cdef Heads _heads

    @cython.locals(block=Block, message=Message, extensions=dict, scheme=str, host=str, target=bytes, head=bytes, body=bytes)
    cpdef tuple of(self, object request, object server_name)
    cdef object _content(self, object request)


cdef class Heads:
    cdef dict _blocks
    cdef dict _lines
    cdef dict _starts

    @cython.locals(key=tuple, known=Block)
    cpdef Block block(self, object fields)
    @cython.locals(start=bytes)
    cpdef bytes head(self, str method, bytes target, Block block)
    @cython.locals(line=bytes)
    cdef bytes _line(self, tuple pair)


cpdef bytes checked_target(object target)
cpdef tuple zoned(str host, list fields)
cpdef bytes start_of(str method)
cpdef bytes line_of(bytes name, bytes value)
@cython.locals(hosts=Py_ssize_t, is_chunked=bint, closes=bint)
cpdef Block block_of(object fields, list lines)
cpdef object length_of(object before, bytes value)
cpdef object remember(dict known, object key, object value)
