cimport cython


cdef class PassedFields:
    cdef bint _known
    cdef bytes _end
    cdef list _starts

    @cython.locals(head=bytes, start=bytes, lines=list)
    cpdef object added_to(self, bytes payload, bint has_own, object lines_of)
    cpdef bytes taken_from(self, bytes payload)
