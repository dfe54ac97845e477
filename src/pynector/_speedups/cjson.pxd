# Whether bytes are JSON (RFC 8259), without an object for what is in them.

from cpython.bytes cimport PyBytes_AS_STRING


cdef extern from *:
    """
    #include <string.h>

    static inline const unsigned char *pynector_json_space(const unsigned char *at, const unsigned char *end) {
        while (at < end && (*at == ' ' || *at == '\\n' || *at == '\\r' || *at == '\\t'))
            at++;
        return at;
    }

    /* These return where a string, a number or a word ends that begins at a place, or NULL. */
    static inline const unsigned char *pynector_json_string(const unsigned char *at, const unsigned char *end) {
        for (at++; at < end && *at >= 32; at++) {
            if (*at == '"')
                return at + 1;
            if (*at != '\\\\')
                continue;
            if (++at == end)
                return NULL;
            if (*at == 'u') {
                int left;
                for (left = 4; left > 0; left--) {
                    unsigned char code = ++at < end ? *at | 32 : 0;
                    if (!((code >= 'a' && code <= 'f') || (at < end && *at >= '0' && *at <= '9')))
                        return NULL;
                }
            }
            else if (*at == 0 || strchr("\\"\\\\/bfnrt", *at) == NULL)
                return NULL;
        }
        return NULL;
    }

    static inline const unsigned char *pynector_json_digits(const unsigned char *at, const unsigned char *end) {
        const unsigned char *first = at;
        while (at < end && *at >= '0' && *at <= '9')
            at++;
        return at > first ? at : NULL;
    }

    static inline const unsigned char *pynector_json_number(const unsigned char *at, const unsigned char *end) {
        if (*at == '-')
            at++;
        at = at < end && *at == '0' ? at + 1 : pynector_json_digits(at, end);
        if (at != NULL && at < end && *at == '.')
            at = pynector_json_digits(at + 1, end);
        if (at != NULL && at < end && (*at | 32) == 'e') {
            at++;
            if (at < end && (*at == '+' || *at == '-'))
                at++;
            at = pynector_json_digits(at, end);
        }
        return at;
    }

    static inline const unsigned char *pynector_json_word(
        const unsigned char *at, const unsigned char *end, const char *word, size_t size
    ) {
        return (size_t) (end - at) >= size && memcmp(at, word, size) == 0 ? at + size : NULL;
    }

    #define PYNECTOR_JSON_LEVELS 512

    /* Whether this is one value, with spaces around it, of no more levels than are counted here. */
    static int pynector_is_json(const unsigned char *at, const unsigned char *end) {
        unsigned char levels[PYNECTOR_JSON_LEVELS];
        int depth = 0;
    value:
        at = pynector_json_space(at, end);
        if (at == end)
            return 0;
        if (*at == '{' || *at == '[') {
            unsigned char last = *at == '{' ? '}' : ']';
            if (depth == PYNECTOR_JSON_LEVELS)
                return 0;
            levels[depth++] = last;
            at = pynector_json_space(at + 1, end);
            if (at < end && *at == last)
                goto left;
            if (last == '}')
                goto name;
            goto value;
        }
        at = *at == '"' ? pynector_json_string(at, end)
            : *at == 't' ? pynector_json_word(at, end, "true", 4)
            : *at == 'f' ? pynector_json_word(at, end, "false", 5)
            : *at == 'n' ? pynector_json_word(at, end, "null", 4)
            : pynector_json_number(at, end);
        if (at == NULL)
            return 0;
    follows:
        at = pynector_json_space(at, end);
        if (depth == 0)
            return at == end;
        if (at == end)
            return 0;
        if (*at == ',') {
            at++;
            if (levels[depth - 1] == ']')
                goto value;
            goto name;
        }
        if (*at != levels[depth - 1])
            return 0;
    left:
        depth--;
        at++;
        goto follows;
    name:
        at = pynector_json_space(at, end);
        if (at == end || *at != '"' || (at = pynector_json_string(at, end)) == NULL)
            return 0;
        at = pynector_json_space(at, end);
        if (at == end || *at != ':')
            return 0;
        at++;
        goto value;
    }
    """
    bint pynector_is_json(const unsigned char *at, const unsigned char *end) noexcept


# Whether bytes of valid UTF-8 are JSON.
cdef inline bint is_json_text(bytes text) noexcept:
    cdef const unsigned char *first = <const unsigned char *> PyBytes_AS_STRING(text)
    return pynector_is_json(first, first + len(text))
