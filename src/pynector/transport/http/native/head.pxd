cimport cython

from pynector._speedups.ctext cimport text_end_at

cdef bint COMPILED
cdef Py_ssize_t NOT_PLAIN
cdef Py_ssize_t NO_LENGTH
cdef Py_ssize_t UNREACHABLE
cdef bytes TOKEN
cdef bytes TEXT
cdef bytes LENGTHS
cdef Py_ssize_t LONGEST
cdef bytes CONTENT_LENGTH
cdef bytes CONTENT_ENCODING
cdef bytes CONNECTION
cdef bytes KEEP_ALIVE
cdef bytes CLOSE
cdef bytes GZIP
cdef bytes TIMEOUT
cdef tuple LEFT_TO_PARSER


@cython.final
cdef class Head:
    cdef public int status
    cdef public Py_ssize_t length
    cdef public bint chunked
    cdef public int encoded
    cdef public bint keep
    cdef public bint leads_on
    cdef public Py_ssize_t timeout
    cdef public object problem

    cdef object clear(self)
    cpdef object take(self, int status, int encoded)

    @cython.locals(
        token="const unsigned char*",
        lengths="const unsigned char*",
        length=Py_ssize_t,
        at=Py_ssize_t,
        start=Py_ssize_t,
        colon=Py_ssize_t,
        value=Py_ssize_t,
        first=int,
    )
    cdef Py_ssize_t scan(self, const unsigned char* data, Py_ssize_t size) except -2
    @cython.locals(at=Py_ssize_t)
    cdef Py_ssize_t _scan_status(self, const unsigned char* data, Py_ssize_t size) except -2
    @cython.locals(stop=Py_ssize_t, name=bytes)
    cdef bint _take(
        self, const unsigned char* data, Py_ssize_t start, Py_ssize_t colon, Py_ssize_t value, Py_ssize_t end
    ) except -1
    @cython.locals(start=Py_ssize_t, end=Py_ssize_t)
    cpdef object read(self, bytes head, int status)
    @cython.locals(name=bytes, value=bytes, part=bytes, key=bytes, digits=bytes)
    cdef object _read_field(self, bytes line)


cpdef bint is_redirect(int status) except -1
@cython.locals(start=Py_ssize_t)
cpdef Py_ssize_t final_start(bytes data, Py_ssize_t interim) except -1
@cython.locals(start=Py_ssize_t)
cpdef bint is_folded(bytes data, Py_ssize_t interim, object parser) except -1
@cython.locals(heads=list, start=Py_ssize_t, end=Py_ssize_t, fields=Py_ssize_t, is_final=bint)
cpdef object unfolded(bytes data)
@cython.locals(options=list, line=bytes, name=bytes, value=bytes)
cpdef bint persists(bytes head) except -1

@cython.locals(size=Py_ssize_t, at=Py_ssize_t, fold=int, wanted="const unsigned char*")
cdef bint matches(
    const unsigned char* data, Py_ssize_t start, Py_ssize_t end, bytes expected, bint folded
) except -1

cdef Py_ssize_t text_end(const unsigned char* data, Py_ssize_t at, Py_ssize_t size) except -1

@cython.locals(value=Py_ssize_t, at=Py_ssize_t)
cpdef Py_ssize_t number(const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -2
