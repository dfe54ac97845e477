cimport cython


@cython.final
@cython.freelist(256)
cdef class Pending:
    cdef public object hub
    cdef public double deadline
    cdef public object completion
    cdef public Py_ssize_t token
    cdef public bytes payload
    cdef public bint is_text
    cdef public object key
    cdef public object taken
    cdef public bint as_response
    cdef public bint idempotent
    cdef public bint one_way
    cdef public Py_ssize_t repeats
    cdef public object connection
    cdef public bint was_sent
    cdef public object error

    cpdef object cancel(self)
    cpdef object fail(self, object error)
    cpdef object succeed(self, object answer)
    cdef object _end(self)


cdef class Matcher:
    cpdef object add(self, Pending pending)
    cpdef object give_up(self, Pending pending)
    cpdef object match(self, bytes payload, bint is_text)
    cpdef bint is_stuck(self) except -1
    cpdef list drain(self)
    cpdef Py_ssize_t size(self) except -1
    cpdef object held(self)


cdef class FifoMatcher(Matcher):
    cdef object _places
    cdef Py_ssize_t _ended

    @cython.locals(pending=Pending)
    cpdef object match(self, bytes payload, bint is_text)
