cimport cython

from pynector._speedups.cjson cimport is_json_text
from pynector.cli.described cimport Job
from pynector.dispatch.item cimport BatchItem
from pynector.transport.http.response cimport Response, content_type_of

cdef bint COMPILED
cdef dict _METHODS
cdef tuple _BODIES
cdef bytes _MARK


@cython.final
cdef class Writer:
    cdef object _options
    cdef bint _includes_headers
    cdef dict _kinds

    @cython.locals(
        response=Response,
        url=str,
        status=str,
        said=str,
        headers=str,
        body=str,
        key=str,
        method=str,
        quoted=str,
        micros="long long",
        line=str,
    )
    cpdef bytes line(self, Job job, BatchItem item)
    cpdef str url_of(self, dict request)
    @cython.locals(content=bytes, is_json=bint, charset=str, value=str)
    cdef str _body(self, Response response)
    @cython.locals(known=tuple, media_type=str)
    cdef tuple _kind(self, str content_type)


@cython.locals(name=str)
cpdef str method_of(dict request)
@cython.locals(text=str)
cdef str _json_as_it_came(bytes content)
cpdef bint is_json(bytes content) except -1
