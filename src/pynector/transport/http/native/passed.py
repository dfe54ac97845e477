"""Header fields that go along with many requests, and are the same for all of them to one origin."""

from collections.abc import Callable
from typing import Any


class PassedFields:
    """What a RequestObserver is that sends header fields along and wants to hear nothing: requests cost no more.

    Attributes:
        added: The fields that go to the client's own origin, as on the wire; None before they are known.
    """

    __slots__ = ("_end", "_starts", "added")

    def __init__(self) -> None:
        self.added: Any = None
        self._end = b""
        self._starts: list[bytes] = []

    def added_to(self, payload: bytes, has_own: bool, fields_of: Callable[[Any], bytes]) -> bytes | None:
        """Return an encoded request with the fields at the end of its head, or None if it has one of them itself.

        Args:
            payload: The request.
            has_own: Whether it has header fields that not all have.
            fields_of: Gives the fields that go to the client's own origin, as they go on the wire.
        """
        if self.added is None:
            self.added = fields_of(self)
            self._end = b"\r\n%b\r\n" % self.added
            lines = self.added.lower().split(b"\r\n")[:-1]
            self._starts = [b"\r\n" + line.partition(b":")[0] + b":" for line in lines]
        if has_own:
            head = payload[: payload.index(b"\r\n\r\n")].lower()
            for start in self._starts:
                if start in head:
                    return None
        return payload.replace(b"\r\n\r\n", self._end, 1)
