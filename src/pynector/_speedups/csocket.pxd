# Whether a socket has something to read, by one system call.

cdef extern from *:
    """
    #ifdef _WIN32
    static inline int pynector_readable(int descriptor) { return -1; }
    #else
    #include <poll.h>
    static inline int pynector_readable(int descriptor) {
        struct pollfd entry = {descriptor, POLLIN, 0};
        return poll(&entry, 1, 0) > 0;
    }
    #endif
    """
    # 1 or 0; -1 where it cannot be told this way.
    int pynector_readable(int descriptor) noexcept nogil
