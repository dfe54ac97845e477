"""WebSocket frames that are plain: whole messages of text or bytes, unmasked from the server, masked to it (RFC 6455).

Everything else, from fragments to what is malformed, is left to a full implementation of the protocol.
"""

import sys

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


class FrameScanner:
    """Looks at the frames in a chunk of bytes, one after the other.

    Attributes:
        opcode: That of the frame, TEXT or BINARY where it is plain.
        begin: Where its payload begins.
        end: Where it ends, and the next frame begins; for a part, where it will end, or 0 if that is not known yet.
        plain: Whether it is a whole message without extensions.
    """

    __slots__ = ("begin", "end", "opcode", "plain")

    def __init__(self) -> None:
        self.opcode = 0
        self.begin = 0
        self.end = 0
        self.plain = False

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
        self.plain = (first & 0xF0) == 0x80 and (opcode == TEXT or opcode == BINARY)
        self.begin = begin
        self.end = begin + length
        return WHOLE if size >= self.end else PART


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
