"""WebSocket frames, read and written by hand (RFC 6455 section 5)."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# What no server may send (sections 5.1, 5.2, 5.4, 5.5 and 8.1).
GARBAGE = {
    "masked": b"\x81\x85\x01\x02\x03\x04hello",
    "reserved bit": b"\xc1\x05hello",
    "unknown opcode": b"\x83\x05hello",
    "no UTF-8": b"\x81\x02\xc3\x28",
    "ping in parts": b"\x09\x01a",
    "long ping": b"\x89\x7e\x00\x7e" + bytes(126),
    "no beginning": b"\x80\x05hello",
    "wrong close": b"\x88\x01a",
}


@dataclass(frozen=True)
class Frame:
    """A frame from the client.

    Attributes:
        opcode: Its kind.
        is_last: Whether its message ends with it.
        is_masked: Whether it is masked, as it must be.
        payload: What it says, unmasked; as much of it as has come.
        is_whole: Whether all of it has come.
        size: The bytes of the frame, if it is whole.
    """

    opcode: int
    is_last: bool
    is_masked: bool
    payload: bytes
    is_whole: bool
    size: int


def parsed(data: bytes | bytearray) -> Frame | None:
    """Return the frame that data begins with, or None if its head has not come."""
    if len(data) < 2:
        return None
    length, start = data[1] & 0x7F, 2
    if length > 125:
        form = ">H" if length == 126 else ">Q"
        start += struct.calcsize(form)
        if len(data) < start:
            return None
        (length,) = struct.unpack_from(form, data, 2)
    is_masked = bool(data[1] & 0x80)
    mask = bytes(data[start : start + 4]) if is_masked else b""
    start += 4 * is_masked
    if len(data) < start:
        return None
    payload = bytes(data[start : start + length])
    whole = len(payload) == length
    # Until it is whole its beginning is enough, to see whose it is.
    payload = _masked(payload if whole else payload[:200], mask)
    return Frame(data[0] & 0x0F, bool(data[0] & 0x80), is_masked, payload, whole, start + length)


def _masked(payload: bytes, mask: bytes) -> bytes:
    if not mask or not payload:
        return payload
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


def frame(opcode: int, payload: bytes, is_last: bool = True) -> bytes:
    """Return a frame as a server sends it."""
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 1 << 16:
        length = b"\x7e" + struct.pack(">H", size)
    else:
        length = b"\x7f" + struct.pack(">Q", size)
    return bytes([opcode | (0x80 if is_last else 0)]) + length + payload


def message(opcode: int, payload: bytes, parts: int, pings: bool) -> bytes:
    """Return a message in `parts` frames, with pings between them if asked for."""
    step = max(1, -(-len(payload) // parts))
    pieces = [payload[start : start + step] for start in range(0, len(payload), step)] or [b""]
    data = b""
    for number, piece in enumerate(pieces):
        data += frame(CONTINUATION if number else opcode, piece, number == len(pieces) - 1)
        if pings and number < len(pieces) - 1:
            data += frame(PING, b"%d" % number)
    return data


def farewell(code: int, reason: str = "") -> bytes:
    """Return a close frame."""
    return frame(CLOSE, struct.pack(">H", code) + reason.encode())


def acceptance(key: bytes) -> bytes:
    """Return the answer to a handshake with that Sec-WebSocket-Key (section 4.2.2)."""
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
    )
