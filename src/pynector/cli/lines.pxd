cimport cython

from pynector.cli.described cimport Job
from pynector.transport.http.response cimport Response, content_type_of


@cython.final
cdef class Writer:
    cdef object _options
    cdef bint _includes_headers

    @cython.locals(response=Response, url=str, status=str, key=str, line=str)
    cpdef bytes line(self, Job job, object item)
    cpdef str url_of(self, dict request)


cpdef str method_of(dict request)
@cython.locals(content=bytes, is_json=bint)
cdef str _body(Response response)
@cython.locals(text=str, end=Py_ssize_t)
cdef str _json_as_it_came(bytes content)
