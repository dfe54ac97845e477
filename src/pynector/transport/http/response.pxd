cimport cython

from pynector.transport.http.lookup cimport field_in


# It holds nothing that could hold it, and a batch may keep very many.
@cython.no_gc
cdef class Response:
    cdef public int status_code
    cdef public object content
    cdef public str http_version
    cdef public double elapsed
    cdef public Py_ssize_t attempts
    cdef public tuple history
    cdef public object _headers
    cdef public object _url
    cdef public tuple _origin


@cython.locals(response=Response)
cpdef Response response_as_sent(
    int status,
    bytes head,
    bytes content,
    tuple origin,
    bytes target,
    str version,
    double elapsed,
    tuple history,
)

@cython.locals(value=str)
cpdef str content_type_of(Response response)
