cimport cython

from pynector._speedups.ctext cimport byte_at
from pynector.transport.http.native.exchange cimport Exchange, space_after, target_of
from pynector.transport.http.native.target cimport is_path
from pynector.transport.http.response cimport response_as_sent

cdef bint COMPILED
cdef bytes _GET
cdef bytes _HEAD
cdef bytes _NAME


@cython.locals(
    payload=bytes,
    data="const unsigned char*",
    start=Py_ssize_t,
    method=bytes,
    location=bytes,
    target=str,
    rest=bytes,
    elapsed=double,
    history=tuple,
)
cpdef bint sent_on(Exchange exchange, int status, bytes head, str version, double now) except -1
cdef str _below(str location, str start)
@cython.locals(data="const unsigned char*", size=Py_ssize_t, found=bytes, start=Py_ssize_t, end=Py_ssize_t)
cpdef bytes location_in(bytes head)
@cython.locals(end=Py_ssize_t)
cdef Py_ssize_t next_line(bytes head, Py_ssize_t start) except -1
