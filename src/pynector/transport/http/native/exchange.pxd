cimport cython

from pynector._speedups.ctext cimport byte_at
from pynector._speedups.told cimport succeed
from pynector.transport.http.response cimport response_as_sent

cdef bint COMPILED
cdef int GZIPPED


@cython.freelist(256)
cdef class Exchange:
    cdef public object owner
    cdef public object data
    cdef public object options
    cdef public double deadline
    cdef public object completion
    cdef public Py_ssize_t token
    cdef public double started
    cdef public bytes payload
    cdef public bytes body
    cdef public object settings
    cdef public object request
    cdef public object connection
    cdef public object pool
    cdef public bint closes
    cdef public bint is_head
    cdef public bint repeatable
    cdef public Py_ssize_t limit
    cdef public tuple history
    cdef public Py_ssize_t refusals
    cdef public bint anew
    cdef public str sent
    cdef public bint body_only
    cdef public bint as_response
    cdef public object sink
    cdef public object observer
    cdef public bytes added
    cdef public object passing
    cdef public object upload
    cdef public object context
    cdef public object patience

    cpdef object begin(
        self,
        object owner,
        object data,
        object options,
        double deadline,
        object completion,
        Py_ssize_t token,
        double started,
    )
    @cython.locals(elapsed=double)
    cpdef object answered(self, int status, bytes head, bytes body, int encoded, str version, double now)
    cpdef object succeed(self, object answer)
    cpdef object hop(self, object response)
    cpdef bint goes_on(self, object phase, double now) except -1


@cython.locals(data="const unsigned char*", start=Py_ssize_t, end=Py_ssize_t)
cpdef bytes target_of(bytes payload)


cpdef Py_ssize_t space_after(bytes payload, Py_ssize_t start)
