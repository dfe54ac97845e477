cimport cython

from pynector.cli.described cimport Job, Templates
from pynector.cli.records cimport Record
from pynector.dispatch.item cimport BatchItem
from pynector.cli.lines cimport Writer, method_of


@cython.final
cdef class UnderWay:
    cdef Templates _templates
    cdef Writer _writer
    cdef Py_ssize_t _rest
    cdef Py_ssize_t _count
    cdef object _done
    cdef object _skipped
    cdef object _bad
    cdef Py_ssize_t _limit
    cdef dict _jobs
    cdef list _lines
    cdef list _items
    cdef readonly Py_ssize_t taken
    cdef readonly Py_ssize_t begun
    cdef readonly Py_ssize_t size

    @cython.locals(request=dict, job=Job, own=dict, url=str)
    cdef object _entry(self, Record record)
    @cython.locals(line=bytes)
    cpdef Py_ssize_t take(self, BatchItem item) except -1
    cpdef tuple to_write(self)
    cpdef object forget(self, BatchItem item)
