cimport cython

from pynector._speedups.ctext cimport is_of, is_printed
from pynector.transport.http.native.writer cimport Writer

cdef bint COMPILED
cdef bytes TOKEN_TABLE
cdef frozenset _FRAMING
cdef Py_ssize_t MOST


cpdef bint is_name(str name) except -1
cpdef bint is_value(object value) except -1


@cython.final
cdef class Said:
    cdef Py_ssize_t turn
    cdef str start
    cdef str value


@cython.final
cdef class Name:
    cdef str start
    cdef Said said


@cython.final
cdef class CommonFields:
    cdef object _fields
    cdef dict _unsigned
    cdef list said
    cdef list texts
    cdef readonly str text
    cdef list _last
    cdef str repeated

    @cython.locals(last=list, at=Py_ssize_t, is_same=bint)
    cdef bint repeats(self, dict headers) except -1
    cpdef CommonFields signed(self, str credentials, str cookies)


@cython.final
cdef class Fields:
    cdef dict _common
    cdef dict _said
    cdef dict _names
    cdef list _own
    cdef Py_ssize_t _count
    cdef Py_ssize_t _turn
    cdef Py_ssize_t _before

    cpdef Said common(self, str lower)
    cdef object begin(self)
    cdef bint say(self, object headers) except -1
    @cython.locals(replaced=list, texts=list, said=Said, at=Py_ssize_t)
    cdef object put(self, Writer writer, CommonFields common)
    @cython.locals(spelled=Name, said=Said)
    cdef bint _say(self, object name, object value) except -1
    @cython.locals(lower=str, said=Said, known=Name)
    cdef Name _name(self, str name)
    cdef object _append(self, Said said)


cdef object _put(Writer writer, Said said)
@cython.locals(pairs=dict)
cpdef str cookie_line(dict common, object cookies)
cpdef str credentials_line(object auth)
