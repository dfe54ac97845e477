cimport cython


cdef class PassedFields:
    cdef readonly bint known
    cdef bytes _end
    cdef list _starts

    cpdef object learn(self, list lines)
    @cython.locals(head=bytes, start=bytes)
    cpdef object added_to(self, bytes payload, bint has_own)
    cpdef bytes taken_from(self, bytes payload)
