cimport cython

from pynector.dispatch.item cimport BatchItem
from pynector.integrations.many.answers cimport Answers


@cython.final
cdef class Block:
    cdef public object entries
    cdef readonly Answers answers
    cdef readonly object done
    cdef public Py_ssize_t left
    cdef public Py_ssize_t made
    cdef public Py_ssize_t first
    cdef public list rows


@cython.final
cdef class Blocks:
    cdef object _ended
    cdef readonly list open
    cdef readonly object feed
    cdef Py_ssize_t _sent

    cpdef object add(self, Block block)
    @cython.locals(block=Block, row=Py_ssize_t)
    cpdef object put(self, BatchItem item)
    @cython.locals(low=Py_ssize_t, high=Py_ssize_t, middle=Py_ssize_t, block=Block)
    cdef Block _block_of(self, Py_ssize_t index)
    cdef object _end(self, Block block, Py_ssize_t row, BatchItem item)
    @cython.locals(count=Py_ssize_t)
    cpdef Py_ssize_t drop(self, Block block) except -1
