"""WebSocket frames that are plain: whole messages of text or bytes, unmasked from the server, masked to it (RFC 6455).

Everything else, from fragments to what is malformed, is left to a full implementation of the protocol.
"""

import sys
from typing import Any

COMPILED = not __file__.endswith(".py")

TEXT = 1
BINARY = 2

# The highest opcode there is, the lowest of a control frame, and the most bytes of such a one's payload.
PONG = 10
CLOSE = 8
LONGEST_CONTROL = 125

# A length must not be above it before its last byte is read, or places in the data could not be counted.
MOST_LENGTH = sys.maxsize >> 10

WHOLE = 1
PART = 0
OTHER = -1

# What waits to be written at the most before it is (bytes); the transport must notice when the peer does not read.
FLUSH = 1 << 16


class FrameScanner:
    """Looks at the frames in a chunk of bytes, one after the other, and keeps the part of one until its rest comes.

    Attributes:
        opcode: That of the frame, TEXT or BINARY where it is plain.
        begin: Where its payload begins.
        end: Where it ends, and the next frame begins; for a part, where it will end, or 0 if that is not known yet.
        plain: Whether it is a whole message without extensions.
        is_within: Whether a message in fragments has begun and not ended, so that no frame is plain; it is to be set.
    """

    __slots__ = ("_missing", "_parts", "begin", "end", "is_within", "opcode", "plain")

    def __init__(self) -> None:
        self.opcode = 0
        self.begin = 0
        self.end = 0
        self.plain = False
        self.is_within = False
        # Bytes of a frame whose rest has not come, and how many are missing at the least.
        self._parts: list[bytes] = []
        self._missing = 0

    def keep(self, data: bytes, start: int) -> None:
        """Keep the part of a frame that begins at `start`, just after `look` has seen it."""
        self._parts = [data[start:]]
        self._missing = max(1, self.end - len(data))

    def whole(self, data: bytes) -> bytes:
        """Give what is kept and what comes now together, or b"" as long as the frame cannot be whole."""
        if not self._parts:
            return data
        self._missing -= len(data)
        if self._missing > 0:
            self._parts.append(data)
            return b""
        return self.joined(data)

    def joined(self, data: bytes) -> bytes:
        """Give what is kept and what comes now together, whatever it is."""
        if not self._parts:
            return data
        parts = self._parts
        self._parts = []
        parts.append(data)
        return b"".join(parts)

    def look(self, data: bytes, start: int, most: int) -> int:
        """Look at the frame that begins at `start`.

        Args:
            data: The bytes.
            start: See above.
            most: The most bytes its payload may have; -1 for any number.

        Returns:
            WHOLE, PART if more bytes are needed, or OTHER if no frame may be like it: it is masked, too long, or of an
            unknown kind.
        """
        size = len(data)
        self.end = 0
        if size - start < 2:
            return PART
        first = data[start]
        second = data[start + 1]
        opcode = first & 0x0F
        if second & 0x80:
            return OTHER
        if opcode > BINARY:
            if opcode < CLOSE or opcode > PONG or second > LONGEST_CONTROL:
                return OTHER
            most = -1
        begin = start + 2
        length = second
        if second == 126:
            begin = start + 4
            if size < begin:
                return PART
            length = data[start + 2] << 8 | data[start + 3]
        elif second == 127:
            begin = start + 10
            if size < begin:
                return PART
            length = 0
            for place in range(start + 2, begin):
                if length > MOST_LENGTH:
                    return OTHER
                length = length << 8 | data[place]
        if most >= 0 and length > most:
            return OTHER
        self.opcode = opcode
        self.plain = not self.is_within and (first & 0xF0) == 0x80 and (opcode == TEXT or opcode == BINARY)
        self.begin = begin
        self.end = begin + length
        return WHOLE if size >= self.end else PART


class FrameWriter:
    """Writes frames to a transport: what is sent in one turn of the event loop in one write.

    Args:
        transport: The event loop's transport, or what serves as one.
        call_soon: Calls a function when the event loop comes to it.
        keys: Gives some bytes that nobody can foresee, a multiple of four; frames are masked with them.

    Attributes:
        transport: See above.
        written: How many bytes the transport was given.
        writable: Whether the peer takes what is sent; it is to be set.
        broken: Called with what the transport raises; None: nobody is told.
    """

    __slots__ = (
        "_call_soon",
        "_flushing",
        "_key_source",
        "_keys",
        "_next_key",
        "_out",
        "_out_size",
        "broken",
        "transport",
        "writable",
        "written",
    )

    def __init__(self, transport: Any, call_soon: Any, keys: Any) -> None:
        self.transport = transport
        self.written = 0.0
        self.writable = True
        self.broken: Any = None
        self._call_soon = call_soon
        self._key_source = keys
        self._keys = b""
        self._next_key = 0
        self._out: list[bytes] = []
        self._out_size = 0
        self._flushing = False

    def masked(self, payload: bytes, is_text: bool) -> bytes:
        """Give the frame of a whole message."""
        start = self._next_key
        if start == len(self._keys):
            self._keys = self._key_source()
            start = 0
        self._next_key = start + 4
        return masked_frame(TEXT if is_text else BINARY, payload, self._keys, start)

    def queue(self, data: bytes) -> None:
        """Write something, but not before `flush_soon` or `say`."""
        self._out.append(data)
        self._out_size += len(data)

    def flush_soon(self) -> None:
        """Write what was queued, at the end of this turn of the event loop at the latest."""
        if self._out_size >= FLUSH:
            self.write_out()
        elif not self._flushing:
            self._flushing = True
            self._call_soon(self.flush)

    def say(self, data: bytes) -> None:
        """Write what is no request, after what was sent before."""
        self.queue(data)
        if not self._flushing:
            self.write_out()

    def hold(self) -> bool:
        """Hold back what is sent from now on until `release`, which takes what this gives."""
        held = self._flushing
        self._flushing = True
        return held

    def release(self, held: bool) -> None:
        """See `hold`."""
        self._flushing = held
        if self._out and not held:
            self.write_out()

    def flush(self) -> None:
        """Write what was sent in this turn of the event loop."""
        self._flushing = False
        self.write_out()

    def write_out(self) -> None:
        """Write what was sent."""
        out = self._out
        if not out:
            return
        self._out = []
        self._out_size = 0
        if not self.transport.is_closing():
            try:
                data = out[0] if len(out) == 1 else b"".join(out)
                self.written += len(data)
                self.transport.write(data)
            except Exception as error:
                # Or the next answer would be taken for that of a message that has not left.
                if self.broken is not None:
                    self.broken(error)


def masked_frame(opcode: int, payload: bytes, keys: bytes, start: int) -> bytes:
    """Give the frame of a whole message from a client.

    Args:
        opcode: TEXT or BINARY.
        payload: What it carries.
        keys: Bytes that the peer cannot foresee (RFC 6455 section 5.3).
        start: Where the four of this frame begin among them.
    """
    if COMPILED:
        return written(opcode, payload, keys, start)  # type: ignore[name-defined, no-any-return] # noqa: F821
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    key = keys[start : start + 4]
    pattern = (key * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")
    return head + key + masked
