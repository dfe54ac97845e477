cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from pynector.transport.http.native.exchange cimport space_after
from pynector.transport.http.native.head cimport number

cdef bint COMPILED
cdef int GZIPPED
cdef int ENCODED
cdef Py_ssize_t NO_LENGTH
cdef Py_ssize_t OVERHEAD
cdef Py_ssize_t PATH
cdef Py_ssize_t MOST_BLOCKS
cdef Py_ssize_t MOST_LINES
cdef Py_ssize_t SHORT_SECRET


cdef class RequestFields:
    cdef tuple _scheme
    cdef dict _known
    cdef dict _lines
    cdef bytes _method
    cdef bytes _rest
    cdef bytes _path
    cdef list _usual
    cdef readonly Py_ssize_t end

    @cython.locals(data="const unsigned char*", start=Py_ssize_t, end=Py_ssize_t, fields=list)
    cpdef list of(self, bytes payload)
    cdef object _turn_to(self, bytes method, bytes rest)
    @cython.locals(fields=list, line=bytes)
    cdef list _read(self, bytes rest)


cdef class ResponseFields:
    cdef readonly int status
    cdef readonly Py_ssize_t length
    cdef readonly int encoded
    cdef readonly bint leads_on
    cdef readonly Py_ssize_t size

    @cython.locals(size=Py_ssize_t, length=Py_ssize_t, said=Py_ssize_t, name=bytes, value=bytes, is_gzip=bint)
    cpdef object read(self, tuple headers)


@cython.locals(lines=list, name=bytes, value=bytes)
cpdef bytes head_of(tuple headers)


cdef inline char* put_bytes(char* to, bytes data):
    memcpy(to, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    return to + PyBytes_GET_SIZE(data)


cdef inline bytes joined_fields(tuple headers):
    cdef bytes head, name, value
    cdef char* to
    cdef Py_ssize_t at, size = 7 + PyBytes_GET_SIZE(<bytes>(<tuple>headers[0])[1])
    for at in range(1, len(headers)):
        name, value = <tuple>headers[at]
        size += PyBytes_GET_SIZE(name) + PyBytes_GET_SIZE(value) + 4
    head = PyBytes_FromStringAndSize(NULL, size)
    to = PyBytes_AS_STRING(head)
    memcpy(to, b"HTTP/2 ", 7)
    to = put_bytes(to + 7, <bytes>(<tuple>headers[0])[1])
    for at in range(1, len(headers)):
        name, value = <tuple>headers[at]
        memcpy(to, b"\r\n", 2)
        to = put_bytes(to + 2, name)
        memcpy(to, b": ", 2)
        to = put_bytes(to + 2, value)
    return head
