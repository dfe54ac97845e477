"""Header fields that go along with many requests, and are the same for all of them to one origin."""

from collections.abc import Callable
from typing import Any


class PassedFields:
    """What a RequestObserver is that sends header fields along and wants to hear nothing: requests cost no more."""

    __slots__ = ("_end", "_known", "_starts")

    def __init__(self) -> None:
        # Whether the fields that go to the client's own origin are known.
        self._known = False
        self._end = b""
        self._starts: list[bytes] = []

    def added_to(self, payload: bytes, has_own: bool, lines_of: Callable[[Any], list[bytes]]) -> bytes | None:
        """Return an encoded request with the fields at the end of its head, or None if it has one of them itself.

        Args:
            payload: The request.
            has_own: Whether it has header fields that not all have.
            lines_of: Gives the fields that go to the client's own origin, as they go on the wire.
        """
        if not self._known:
            lines = lines_of(self)
            self._end = b"\r\n".join([b"", *lines, b"\r\n"])
            self._starts = [b"\r\n" + line.lower().partition(b":")[0] + b":" for line in lines]
            self._known = True
        if has_own:
            head = payload[: payload.index(b"\r\n\r\n")].lower()
            for start in self._starts:
                if start in head:
                    return None
        return payload.replace(b"\r\n\r\n", self._end, 1)

    def taken_from(self, payload: bytes) -> bytes:
        """Return an encoded request without the fields again, as what was added belongs to one attempt only."""
        return payload.replace(self._end, b"\r\n\r\n", 1)
