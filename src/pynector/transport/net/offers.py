"""What a TLS context offers to speak: it does not say, but the first message of a handshake does."""

from __future__ import annotations

import ssl
from contextlib import suppress

# RFC 8446 section 4.2, RFC 7301 section 3.1.
_ALPN = 16

# What stands before the session's identifier: of the record, of the message, and version and random bytes in it.
_START = 5 + 4 + 2 + 32


def offered_protocols(context: ssl.SSLContext) -> list[str]:
    """Return the protocols that a client's context offers by ALPN, best first; none if it makes no handshake."""
    hello = ssl.MemoryBIO()
    with suppress(ssl.SSLError):
        context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
    return [name.decode("latin-1") for name in _names(_extension(hello.read(), _ALPN)[2:])]


def _extension(hello: bytes, wanted: int) -> bytes:
    """Return what a ClientHello says in one of its extensions, or b""."""
    at = _START
    # The session's identifier, the ciphers and the compressions.
    for size in (1, 2, 1):
        at += size + int.from_bytes(hello[at : at + size], "big")
    at += 2
    while at < len(hello):
        kind, size = int.from_bytes(hello[at : at + 2], "big"), int.from_bytes(hello[at + 2 : at + 4], "big")
        if kind == wanted:
            return hello[at + 4 : at + 4 + size]
        at += 4 + size
    return b""


def _names(data: bytes) -> list[bytes]:
    """Return the names in a list of them, where each has its length before it."""
    names, at = [], 0
    while at < len(data):
        names.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return names
