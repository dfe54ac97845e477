# Text of one byte a character: looked through, and written into memory, without another object.

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memchr, memcpy


cdef extern from *:
    """
    #include <limits.h>
    #include <stdint.h>
    #include <string.h>

    /* Whether a text is ASCII, and the table has a 1 for each character. */
    static inline int pynector_is_of(PyObject *text, const unsigned char *table) {
        const unsigned char *from;
        Py_ssize_t size, at;
        unsigned char all = 1;
        if (!PyUnicode_IS_COMPACT_ASCII(text))
            return 0;
        from = PyUnicode_1BYTE_DATA(text);
        size = PyUnicode_GET_LENGTH(text);
        for (at = 0; at < size; at++)
            all &= table[from[at]];
        return all;
    }

    /* Whether a text is of printed ASCII, and neither begins nor ends with a space; eight characters at a time. */
    static inline int pynector_is_printed(PyObject *text) {
        const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
        const unsigned char *from;
        Py_ssize_t size, at = 0;
        uint64_t eight, odd = 0;
        if (!PyUnicode_IS_COMPACT_ASCII(text))
            return 0;
        from = PyUnicode_1BYTE_DATA(text);
        size = PyUnicode_GET_LENGTH(text);
        if (size > 0 && (from[0] == ' ' || from[size - 1] == ' '))
            return 0;
        for (; at + 8 <= size; at += 8) {
            memcpy(&eight, from + at, 8);
            /* What is below 32 borrows into the top bit, and what is 127 carries. */
            odd |= ((eight - 32 * ones) | (eight + ones)) & tops;
        }
        for (; at < size; at++)
            odd |= from[at] < 32 || from[at] == 127;
        return odd == 0;
    }

    /* Where a text ends: at the first byte that is neither printed ASCII nor a tab; eight bytes at a time. */
    static inline Py_ssize_t pynector_text_end(const unsigned char *from, Py_ssize_t at, Py_ssize_t size) {
        const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
        uint64_t eight, odd;
        while (at + 8 <= size) {
            memcpy(&eight, from + at, 8);
            /* What is below 32 borrows into the top bit, and what is above 126 has it, or carries into it. */
            odd = ((eight - 32 * ones) | (eight + ones) | eight) & tops;
            if (odd) {
    #if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                at += __builtin_ctzll(odd) >> 3;
    #else
                while (from[at] >= 32 && from[at] < 127)
                    at++;
    #endif
                if (from[at] != 9)
                    return at;
                at++;
            }
            else
                at += 8;
        }
        while (at < size && ((from[at] >= 32 && from[at] < 127) || from[at] == 9))
            at++;
        return at;
    }

    /* Copies a text of Latin-1; returns whether it is one. */
    static inline int pynector_put(unsigned char *to, PyObject *text) {
        if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND)
            return 0;
        memcpy(to, PyUnicode_1BYTE_DATA(text), (size_t) PyUnicode_GET_LENGTH(text));
        return 1;
    }

    /* Writes a text with what is not in the table percent-encoded; returns how much, or -1 if it is not ASCII. */
    static inline Py_ssize_t pynector_escape(unsigned char *to, PyObject *text, const unsigned char *table) {
        static const char digits[] = "0123456789ABCDEF";
        const unsigned char *from;
        Py_ssize_t size, at;
        unsigned char *start = to;
        if (!PyUnicode_IS_COMPACT_ASCII(text))
            return -1;
        from = PyUnicode_1BYTE_DATA(text);
        size = PyUnicode_GET_LENGTH(text);
        for (at = 0; at < size; at++) {
            unsigned char code = from[at];
            if (table[code])
                *to++ = code;
            else {
                *to++ = '%';
                *to++ = (unsigned char) digits[code >> 4];
                *to++ = (unsigned char) digits[code & 15];
            }
        }
        return to - start;
    }

    /* Writes a number in up to 20 characters; returns how many, or 0 if it has more than 64 bits. */
    static inline Py_ssize_t pynector_decimal(unsigned char *to, PyObject *number) {
        unsigned char reversed[20];
        Py_ssize_t size = 0, sign = 0, at;
        int overflow;
        long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
        if (overflow || value == LLONG_MIN)
            return 0;
        if (value < 0) {
            to[sign++] = '-';
            value = -value;
        }
        do {
            reversed[size++] = (unsigned char) ('0' + value % 10);
            value /= 10;
        } while (value);
        for (at = 0; at < size; at++)
            to[sign + at] = reversed[size - 1 - at];
        return sign + size;
    }

    /* Writes a string of JSON, at most six times as long; returns how much, or -1 if it is not ASCII. */
    static inline Py_ssize_t pynector_quote(unsigned char *to, PyObject *text) {
        static const char digits[] = "0123456789abcdef", shorts[] = "btn.fr";
        const unsigned char *from;
        Py_ssize_t size, at;
        unsigned char *start = to;
        if (!PyUnicode_IS_COMPACT_ASCII(text))
            return -1;
        from = PyUnicode_1BYTE_DATA(text);
        size = PyUnicode_GET_LENGTH(text);
        *to++ = '"';
        for (at = 0; at < size; at++) {
            unsigned char code = from[at];
            if (code >= 32 && code != '"' && code != '\\\\')
                *to++ = code;
            else {
                *to++ = '\\\\';
                if (code >= 32)
                    *to++ = code;
                else if (code >= 8 && code <= 13 && code != 11)
                    *to++ = (unsigned char) shorts[code - 8];
                else {
                    memcpy(to, "u00", 3);
                    to[3] = (unsigned char) digits[code >> 4];
                    to[4] = (unsigned char) digits[code & 15];
                    to += 5;
                }
            }
        }
        *to++ = '"';
        return to - start;
    }
    """
    bint pynector_is_of(str text, const unsigned char *table) noexcept
    bint pynector_put(unsigned char *to, str text) noexcept
    Py_ssize_t pynector_escape(unsigned char *to, str text, const unsigned char *table) noexcept
    Py_ssize_t pynector_decimal(unsigned char *to, object number) noexcept
    Py_ssize_t pynector_quote(unsigned char *to, str text) noexcept
    bint pynector_is_printed(str text) noexcept
    Py_ssize_t text_end_at "pynector_text_end"(const unsigned char *data, Py_ssize_t at, Py_ssize_t size) noexcept


# Whether a text is ASCII, and made of the characters alone for which a table of 128 bytes has a 1.
cdef inline bint is_of(str text, bytes table) except -1:
    if text is None:
        raise TypeError("a text is needed")
    return pynector_is_of(text, table)


# Whether a text is of printed ASCII, and neither begins nor ends with a space.
cdef inline bint is_printed(str text) except -1:
    if text is None:
        raise TypeError("a text is needed")
    return pynector_is_printed(text)


# Where the first such byte is from a place on, or the end.
cdef inline Py_ssize_t byte_at(bytes data, int byte, Py_ssize_t start) noexcept:
    cdef const char *first = PyBytes_AS_STRING(data)
    cdef const void *found = memchr(first + start, byte, len(data) - start) if start < len(data) else NULL
    return len(data) if found is NULL else <const char *> found - first


# These write at a place of a buffer where there is room, and return how much.
cdef inline Py_ssize_t put_text(bytearray buffer, Py_ssize_t at, str text) except -1:
    if not pynector_put(<unsigned char *> PyByteArray_AS_STRING(buffer) + at, text):
        raise ValueError("only Latin-1 can be written")
    return len(text)


# -1 if the text is not ASCII.
cdef inline Py_ssize_t put_escaped(bytearray buffer, Py_ssize_t at, str text, bytes table) noexcept:
    return pynector_escape(<unsigned char *> PyByteArray_AS_STRING(buffer) + at, text, table)


# A parameter's name between what joins it to others and an equals sign; -1 if it is not ASCII.
cdef inline Py_ssize_t put_name(bytearray buffer, Py_ssize_t at, str joint, str name, bytes table) except -2:
    cdef unsigned char *to = <unsigned char *> PyByteArray_AS_STRING(buffer) + at
    cdef Py_ssize_t before = put_text(buffer, at, joint), size = pynector_escape(to + before, name, table)
    if size < 0:
        return -1
    to[before + size] = b"="
    return before + size + 1


# -1 if the text is not ASCII.
cdef inline Py_ssize_t put_quoted(bytearray buffer, Py_ssize_t at, str text) noexcept:
    return pynector_quote(<unsigned char *> PyByteArray_AS_STRING(buffer) + at, text)


# 0 if an int has more than 64 bits.
cdef inline Py_ssize_t put_decimal(bytearray buffer, Py_ssize_t at, object number) noexcept:
    return pynector_decimal(<unsigned char *> PyByteArray_AS_STRING(buffer) + at, number)


# The first bytes of a buffer, with others after them.
cdef inline bytes followed(bytearray buffer, Py_ssize_t size, bytes rest):
    cdef bytes whole = PyBytes_FromStringAndSize(NULL, size + len(rest))
    memcpy(PyBytes_AS_STRING(whole), PyByteArray_AS_STRING(buffer), size)
    memcpy(PyBytes_AS_STRING(whole) + size, PyBytes_AS_STRING(rest), len(rest))
    return whole
