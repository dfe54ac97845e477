cimport cython


cdef class PassedFields:
    cdef readonly bytes added
    cdef bytes _end
    cdef list _starts

    @cython.locals(head=bytes, start=bytes, lines=list)
    cpdef object added_to(self, bytes payload, bint has_own, object fields_of)
