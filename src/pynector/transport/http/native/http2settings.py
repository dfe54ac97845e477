"""What a server is told, and the library, of what may come on a connection of HTTP/2."""

import ngh2

from .pooled import MOST_HEADERS

# What a server may send of one answer before it is read, at first (bytes).
WINDOW = 1 << 24

# What RFC 9113 section 6.5.2 adds to the size of each header field (bytes).
OVERHEAD = 32

# What a server may send of all answers together (bytes): as much as can be said. What each may have is for its stream
# to say, so that none that is not read stops the others.
CONNECTION_WINDOW = (1 << 31) - 1

OWN_SETTINGS = {
    ngh2.Setting.ENABLE_PUSH: 0,
    ngh2.Setting.INITIAL_WINDOW_SIZE: WINDOW,
    ngh2.Setting.MAX_HEADER_LIST_SIZE: MOST_HEADERS,
    ngh2.Setting.NO_RFC7540_PRIORITIES: 1,
}

# The library ends the connection where a header list is longer than it may be; here only its stream ends.
CONFIGURATION = ngh2.Configuration(
    max_send_header_block_length=1 << 20,
    max_inbound_header_list_size=4 * MOST_HEADERS,
    max_inbound_header_count=4 * MOST_HEADERS // OVERHEAD,
    # Of the smallest size that a frame's largest may have.
    max_continuations=4 * MOST_HEADERS >> 14,
)


def new_protocol() -> ngh2.Connection:
    """Return the library's part of a new connection, which is to say our settings first."""
    protocol = ngh2.Connection(ngh2.Role.CLIENT, CONFIGURATION)
    protocol.initiate_connection(OWN_SETTINGS)
    protocol.set_local_window_size(CONNECTION_WINDOW)
    return protocol
