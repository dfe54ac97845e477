cimport cython

from pynector.transport.http.native.encoder cimport RequestEncoder
from pynector.transport.http.native.exchange cimport Exchange
from pynector.transport.http.native.form cimport Form
from pynector.transport.http.native.passed cimport PassedFields
from pynector.transport.http.native.pool cimport Pool

cdef tuple SETTINGS
cdef Py_ssize_t MOST


cdef class Terms:
    cdef readonly object settings
    cdef readonly bint body_only
    cdef readonly bint as_response
    cdef readonly Py_ssize_t limit

    @cython.locals(is_whole=bint)
    cpdef object hold_for(self, Exchange exchange)


cdef class Submitter:
    cdef object _clock
    cdef object _owner
    cdef object _sender
    cdef RequestEncoder _encoder
    cdef Pool _own_pool
    cdef bint _is_closed
    cdef Terms _terms
    cdef dict _known
    cdef dict _places

    @cython.locals(now=double, exchange=Exchange)
    cpdef object submit(
        self, object data, object options, double deadline, object completion, Py_ssize_t token, object observer=*
    )
    @cython.locals(pool=Pool)
    cpdef bint start(self, Exchange exchange, double now) except -1
    @cython.locals(payload=bytes, terms=Terms, pool=Pool, encoder=RequestEncoder, form=Form, has_own=bint)
    cdef Pool _encoded(self, Exchange exchange)
    @cython.locals(terms=Terms)
    cdef Terms _terms_of(self, Form form, object options)
    @cython.locals(url=str, start=str, end=Py_ssize_t)
    cdef object _place_of(self, Form form)
    @cython.locals(passed=PassedFields)
    cdef object _observed(self, Exchange exchange, bytes payload, Pool pool, bint has_own)

