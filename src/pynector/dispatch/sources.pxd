cimport cython


@cython.final
cdef class Feed:
    cdef object _given
    cdef bint _is_over
    cdef public object ready

    cpdef object add(self, object entries)
    cpdef object end(self)
    cpdef object close(self)


@cython.final
cdef class Source:
    cdef Py_ssize_t _read
    cdef Py_ssize_t _ahead
    cdef Py_ssize_t _seen_taken
    cdef object _taken
    cdef object _ready
    cdef object _put_off
    cdef bint _is_stopped
    cdef bint _is_over
    cdef public object ask_for_rules
    cdef public object error
    cdef readonly bint is_held
    cdef public bint is_wanted
    cdef public object want
    cdef readonly object given
    cdef readonly object later
    cdef readonly object now

    cdef object _what_was_put_off(self)
    cpdef object read_further(self, Py_ssize_t ahead)
    cdef object _next(self)
    cpdef object go_on(self, bint is_over)
    cpdef bint is_at_end(self) except -1
    cpdef object stop(self)
    cpdef object leave(self)
