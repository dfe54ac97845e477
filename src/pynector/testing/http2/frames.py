"""Frames of HTTP/2 (RFC 9113, section 4) as bytes, also those that must not be."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

TYPES = {
    "data": DATA,
    "headers": HEADERS,
    "priority": PRIORITY,
    "rst_stream": RST_STREAM,
    "settings": SETTINGS,
    "push_promise": PUSH_PROMISE,
    "ping": PING,
    "goaway": GOAWAY,
    "window_update": WINDOW_UPDATE,
    "continuation": CONTINUATION,
}
"""The types of frames by their names."""

SETTINGS_IDS = {
    "header_table_size": 1,
    "enable_push": 2,
    "max_concurrent_streams": 3,
    "initial_window_size": 4,
    "max_frame_size": 5,
    "max_header_list_size": 6,
}
"""The settings of RFC 9113, section 6.5.2, by their names."""

ERROR_CODES = {
    "no_error": 0,
    "protocol_error": 1,
    "internal_error": 2,
    "flow_control_error": 3,
    "settings_timeout": 4,
    "stream_closed": 5,
    "frame_size_error": 6,
    "refused_stream": 7,
    "cancel": 8,
    "compression_error": 9,
    "connect_error": 10,
    "enhance_your_calm": 11,
    "inadequate_security": 12,
    "http_1_1_required": 13,
}
"""The error codes of RFC 9113, section 7, by their names."""

ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8

_HEAD = 9


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame; nothing is checked."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def padded(payload: bytes, padding: int) -> bytes:
    """Return the payload of a padded frame, with up to 255 bytes of padding."""
    return bytes((padding,)) + payload + bytes(padding)


def literal(name: bytes, value: bytes, *, remember: bool = False) -> bytes:
    """Return a field in HPACK (RFC 7541, 6.2) as it is: not in Huffman's code, its name not indexed.

    Args:
        name: The name, not checked.
        value: The value, not checked.
        remember: Whether the client's dynamic table takes it, which the server's own encoder does not learn.
    """
    return (b"\x40" if remember else b"\x00") + _string(name) + _string(value)


def block(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return fields as a block that leaves the client's dynamic table alone."""
    return b"".join(literal(name, value) for name, value in fields)


def _string(text: bytes) -> bytes:
    return _length(len(text), 127) + text


def _length(value: int, largest: int) -> bytes:
    """Return an integer in HPACK's coding (RFC 7541, 5.1), the bits before it zero."""
    if value < largest:
        return bytes((value,))
    value -= largest
    digits = [largest]
    while value >= 128:
        digits.append(value % 128 + 128)
        value //= 128
    return bytes([*digits, value])


def headers(stream: int, header_block: bytes, flags: int = 0, size: int = 16384) -> bytes:
    """Return a block in a HEADERS frame, and in CONTINUATION frames if it is longer than `size` bytes."""
    pieces = [header_block[at : at + size] for at in range(0, len(header_block), size)] or [b""]
    kinds = [HEADERS, *[CONTINUATION] * (len(pieces) - 1)]
    ends = [0] * (len(pieces) - 1) + [END_HEADERS]
    return b"".join(
        frame(kind, end | (flags if kind == HEADERS else 0), stream, piece)
        for kind, end, piece in zip(kinds, ends, pieces, strict=True)
    )


def split(data: bytes) -> Iterator[bytes]:
    """Yield the frames of bytes that hold whole ones."""
    at = 0
    while at < len(data):
        end = at + _HEAD + int.from_bytes(data[at : at + 3], "big")
        yield data[at:end]
        at = end


def without(data: bytes, kinds: Container[int]) -> bytes:
    """Return whole frames without those of some types by which one end answers the other.

    Those are acknowledgements and new windows.
    """
    return b"".join(
        piece for piece in split(data) if not (piece[3] in kinds and (piece[3] == WINDOW_UPDATE or piece[4] & ACK))
    )
