cimport cython

from pynector._speedups.ctext cimport byte_at

cdef bint COMPILED


@cython.locals(
    size=Py_ssize_t,
    length=Py_ssize_t,
    start=Py_ssize_t,
    colon=Py_ssize_t,
    end=Py_ssize_t,
    found=str,
    value=str,
)
cpdef str field_in(bytes head, bytes name)

@cython.locals(at=Py_ssize_t)
cdef Py_ssize_t line_end(bytes head, Py_ssize_t start) except -1

@cython.locals(at=Py_ssize_t)
cdef bint is_name(
    const unsigned char* head, Py_ssize_t start, const unsigned char* name, Py_ssize_t length
) except -1

cdef bytes stripped(bytes head, Py_ssize_t start, Py_ssize_t end)
