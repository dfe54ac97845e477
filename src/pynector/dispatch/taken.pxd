cimport cython

from pynector._speedups.results cimport Results
from pynector.dispatch.item cimport item_of

cdef Py_ssize_t BURST


cdef class TakenResults(Results):
    cdef object _clock
    cdef object _ready
    cdef bint _ordered
    cdef object _items
    cdef dict _early
    cdef Py_ssize_t _next
    cdef readonly Py_ssize_t taken
    cdef readonly Py_ssize_t in_a_row

    @cython.locals(is_first=bint, elapsed=double)
    cpdef object put(self, Py_ssize_t index, object entry, double started, Py_ssize_t attempts, object result)
    cpdef object take(self)
    cpdef object rest(self)
