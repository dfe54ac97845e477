# What only C can do: a bytes object that is filled after it was made, so that a body is never copied.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.buffer cimport PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory


cdef inline bytes uninitialised(Py_ssize_t size):
    return PyBytes_FromStringAndSize(NULL, size)


# The view includes the byte that ends every bytes object in memory; whoever may have written there seals the object.
cdef inline object writable(bytes data):
    return PyMemoryView_FromMemory(PyBytes_AS_STRING(data), len(data) + 1, PyBUF_WRITE)


cdef inline void seal(bytes data) noexcept:
    PyBytes_AS_STRING(data)[len(data)] = 0
