# A masked frame, written at once into the bytes object that it is.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static void pynector_mask(char *to, const char *from, Py_ssize_t size, const char *key) {
        uint64_t pattern, piece;
        Py_ssize_t place = 0;
        memcpy(&pattern, key, 4);
        memcpy((char *) &pattern + 4, key, 4);
        for (; place + 8 <= size; place += 8) {
            memcpy(&piece, from + place, 8);
            piece ^= pattern;
            memcpy(to + place, &piece, 8);
        }
        for (; place < size; place++)
            to[place] = from[place] ^ key[place & 3];
    }
    """
    void pynector_mask(char *to, const char *source, Py_ssize_t size, const char *key) noexcept nogil


cdef inline bytes written(int opcode, bytes payload, bytes keys, Py_ssize_t start):
    cdef Py_ssize_t size = len(payload)
    cdef Py_ssize_t extended = 0 if size < 126 else (2 if size < 65536 else 8)
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, 6 + extended + size)
    cdef unsigned char* to = <unsigned char*> PyBytes_AS_STRING(frame)
    cdef char* key = PyBytes_AS_STRING(keys) + start
    cdef Py_ssize_t place
    if start < 0 or start + 4 > len(keys):
        raise ValueError("a key has four bytes")
    to[0] = 0x80 | opcode
    to[1] = 0x80 | (size if extended == 0 else (126 if extended == 2 else 127))
    for place in range(extended):
        to[2 + place] = (size >> (8 * (extended - 1 - place))) & 0xFF
    to += 2 + extended
    for place in range(4):
        to[place] = key[place]
    pynector_mask(<char*> to + 4, PyBytes_AS_STRING(payload), size, key)
    return frame
