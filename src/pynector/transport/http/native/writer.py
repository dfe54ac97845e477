"""Writes a request piece by piece, without an object for each of them where it is compiled."""

import re
from json.encoder import encode_basestring

COMPILED = not __file__.endswith(".py")

# The room that there is for a request at first, and the most that is kept for the next one (bytes).
LEAST = 1 << 11
MOST = 1 << 16

# Longer numbers take a closer look: past some length Python does not say them in digits.
LONGEST = 1 << 63
DIGITS = 20

# RFC 3986 section 2.3; what else is in a query's names and values is percent-encoded.
UNRESERVED = b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_UNRESERVED = re.compile("[" + re.escape(UNRESERVED.decode()) + "]*")
SAFE_TABLE = bytes(1 if code in UNRESERVED else 0 for code in range(128))
ESCAPED = [chr(code) if code in UNRESERVED else f"%{code:02X}" for code in range(256)]


class Writer:
    """Where a request is put together."""

    __slots__ = ("_buffer", "_pieces", "_room", "_size")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._buffer = bytearray(LEAST)
        self._room = LEAST
        self._size = 0

    def clear(self) -> None:
        """Forget what was put."""
        if COMPILED:
            self._size = 0
            if self._room > MOST:
                self._buffer = bytearray(LEAST)
                self._room = LEAST
        else:
            self._pieces.clear()

    def put(self, text: str) -> None:
        """Put a text of Latin-1 as it is."""
        if COMPILED:
            size = len(text)
            if self._size + size > self._room:
                self._grow(size)
            self._size += put_text(self._buffer, self._size, text)  # type: ignore[name-defined] # noqa: F821
        else:
            self._pieces.append(text)

    def put_escaped(self, text: str) -> None:
        """Put a text, percent-encoded where it is not unreserved.

        Raises:
            UnicodeEncodeError: If it is not valid Unicode.
        """
        if COMPILED:
            size = 3 * len(text)
            if self._size + size > self._room:
                self._grow(size)
            size = put_escaped(self._buffer, self._size, text, SAFE_TABLE)  # type: ignore[name-defined] # noqa: F821
            if size >= 0:
                self._size += size
            else:
                self.put(escaped(text))
        else:
            self._pieces.append(escaped(text))

    def put_name(self, joint: str, name: str) -> None:
        """Put a parameter's name, between what stands before it and an equals sign.

        Raises:
            UnicodeEncodeError: If it is not valid Unicode.
        """
        if COMPILED:
            size = len(joint) + 3 * len(name) + 1
            if self._size + size > self._room:
                self._grow(size)
            size = put_name(self._buffer, self._size, joint, name, SAFE_TABLE)  # type: ignore[name-defined] # noqa: F821
            if size >= 0:
                self._size += size
            else:
                self.put(f"{joint}{escaped(name)}=")
        else:
            self._pieces.append(f"{joint}{escaped(name)}=")

    def put_quoted(self, text: str) -> bool:
        """Put a string of JSON, and say whether that was possible: it is ASCII, and not long."""
        if len(text) > MOST:
            return False
        if COMPILED:
            size = 6 * len(text) + 2
            if self._size + size > self._room:
                self._grow(size)
            size = put_quoted(self._buffer, self._size, text)  # type: ignore[name-defined] # noqa: F821
            if size < 0:
                return False
            self._size += size
            return True
        self._pieces.append(encode_basestring(text))
        return text.isascii()

    def put_number(self, number: int) -> bool:
        """Put a number in decimal digits, and say whether it was short enough."""
        if COMPILED:
            if self._size + DIGITS > self._room:
                self._grow(DIGITS)
            size = put_decimal(self._buffer, self._size, number)  # type: ignore[name-defined] # noqa: F821
            self._size += size
            return bool(size > 0)
        if -LONGEST < number < LONGEST:
            self._pieces.append(str(number))
            return True
        return False

    def size(self) -> int:
        """Return how much was put: bytes or, where it is not compiled, texts."""
        return self._size if COMPILED else len(self._pieces)

    def since(self, size: int) -> str:
        """Return what was put since it was of that size."""
        if COMPILED:
            return self._buffer[size : self._size].decode("latin-1")
        return "".join(self._pieces[size:])

    def taken(self, body: bytes) -> bytes:
        """Return what was put, and a body after it."""
        if COMPILED:
            return followed(self._buffer, self._size, body)  # type: ignore[name-defined,no-any-return] # noqa: F821
        return "".join(self._pieces).encode("latin-1") + body

    def _grow(self, size: int) -> None:
        """Make room for so many more bytes, and some."""
        self._room = 2 * (self._size + size)
        self._buffer += bytes(self._room - len(self._buffer))


def escaped(text: str) -> str:
    """Percent-encode a name or value of a query.

    Raises:
        UnicodeEncodeError: If it is not valid Unicode.
    """
    if COMPILED:
        if is_of(text, SAFE_TABLE):  # type: ignore[name-defined] # noqa: F821
            return text
    elif _UNRESERVED.fullmatch(text) is not None:
        return text
    return "".join([ESCAPED[code] for code in text.encode()])
