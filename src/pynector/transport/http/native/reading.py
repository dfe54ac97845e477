"""Reads a body of known length straight into the bytes that it ends up in, whole or piece by piece."""

from typing import Any

COMPILED = not __file__.endswith(".py")

# The room for a piece of a body: little for a peer that sends little at a time, and more for one that fills it (bytes).
LEAST_ROOM = 1 << 16
MOST_ROOM = 1 << 18


class BodyReader:
    """Where the bytes of a body go that the parser does not see.

    Attributes:
        left: How many of them are yet to come; 0 where there is no such body.
        excess: Whether more has come than the body has.
    """

    __slots__ = ("_bytes", "_filled", "_is_whole", "_most", "_room", "_size", "excess", "left")

    def __init__(self) -> None:
        self._bytes: Any = None
        self._room: Any = None
        self.stop()

    def stop(self) -> None:
        """Read nothing more, and forget what was read."""
        self._bytes = self._room = None
        self._is_whole = False
        self._most = self._size = self._filled = 0
        self.left = 0
        self.excess = False

    def start(self, length: int, is_whole: bool) -> None:
        """Read so many bytes, as one piece or as they come."""
        self.left = length
        self._is_whole = is_whole
        self._most = LEAST_ROOM

    def room(self) -> Any:
        """Return where the next bytes go, as a memoryview."""
        if self._room is None:
            self._make_room()
        return self._room[self._filled :] if self._filled > 0 else self._room

    def took(self, count: int) -> bytes:
        """Take note of bytes that are in the room now, and return them; b"" while a whole is not complete."""
        self.excess = count > self.left
        size = self.left if self.excess else count
        self.left -= size
        self._filled += size
        if self._is_whole and self.left > 0:
            return b""
        size, self._filled = self._filled, 0
        return self._cut(size)

    def put(self, data: Any) -> bytes:
        """Take bytes that were read elsewhere; see `took`."""
        size = len(data)
        self.room()[:size] = data
        return self.took(size)

    def _make_room(self) -> None:
        size = self.left if self._is_whole or self.left < self._most else self._most
        # One byte more than the body has shows what comes after its end.
        end = size + 1 if size == self.left else size
        self._size = size
        if COMPILED:
            self._bytes = uninitialised(size)  # type: ignore[name-defined] # noqa: F821
            self._room = writable(self._bytes, end)  # type: ignore[name-defined] # noqa: F821
        else:
            self._bytes = bytearray(end)
            self._room = memoryview(self._bytes)

    def _cut(self, size: int) -> bytes:
        """Return the first bytes of the room; it is copied from only where they are few in it."""
        piece: bytes
        if COMPILED and 2 * size >= self._size:
            seal(self._bytes, size)  # type: ignore[name-defined] # noqa: F821
            piece = self._bytes
        else:
            piece = bytes(self._room[:size])
        self._bytes = self._room = None
        if size == self._size:
            self._most = min(2 * size, MOST_ROOM)
        elif 2 * size < self._size:
            self._most = max(self._size // 2, LEAST_ROOM)
        return piece
