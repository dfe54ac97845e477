# What only C can do: a bytes object that is filled after it was made, so that a body is never copied.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.buffer cimport PyBUF_READ, PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory, PyMemoryView_GET_BUFFER


cdef extern from "Python.h":
    void Py_SET_SIZE(object o, Py_ssize_t size)


cdef inline bytes uninitialised(Py_ssize_t size):
    return PyBytes_FromStringAndSize(NULL, size)


# A view of that many bytes, which may include the one that ends every bytes object in memory; whoever may have written
# there seals the object.
cdef inline object writable(bytes data, Py_ssize_t size):
    return PyMemoryView_FromMemory(PyBytes_AS_STRING(data), size, PyBUF_WRITE)


# A view of the first bytes of a memoryview, for a half of what a slice takes: for those that keep no reference to it.
cdef inline object first_of(object view, Py_ssize_t size):
    return PyMemoryView_FromMemory(<char*> PyMemoryView_GET_BUFFER(view).buf, size, PyBUF_READ)


# Ends a bytes object that nobody else has yet after that many bytes; what it does not use stays with it.
cdef inline void seal(bytes data, Py_ssize_t size) noexcept:
    PyBytes_AS_STRING(data)[size] = 0
    Py_SET_SIZE(data, size)
