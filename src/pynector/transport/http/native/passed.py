"""Header fields that go along with many requests, and are the same for all of them to one origin."""

from typing import Any


class PassedFields:
    """A RequestObserver that sends header fields along and wants to hear nothing, so that requests cost no more.

    Attributes:
        known: Whether the fields that go to the client's own origin are known.
    """

    __slots__ = ("_end", "_starts", "known")

    def __init__(self) -> None:
        self.known = False
        self._end = b""
        self._starts: list[bytes] = []

    def learn(self, lines: list[bytes]) -> None:
        """Take the fields that go to the client's own origin, as they go on the wire."""
        self._end = b"\r\n".join([b"", *lines, b"\r\n"])
        self._starts = [b"\r\n" + line.lower().partition(b":")[0] + b":" for line in lines]
        self.known = True

    def added_to(self, payload: bytes, has_own: bool) -> bytes | None:
        """Return an encoded request with the fields at the end of its head, or None if it has one of them itself.

        Args:
            payload: The request.
            has_own: Whether it has header fields that not all have.
        """
        if has_own:
            head = payload[: payload.index(b"\r\n\r\n")].lower()
            for start in self._starts:
                if start in head:
                    return None
        return payload.replace(b"\r\n\r\n", self._end, 1)

    def taken_from(self, payload: bytes) -> bytes:
        """Return an encoded request without the fields again, as what was added belongs to one attempt only."""
        return payload.replace(self._end, b"\r\n\r\n", 1)

    def attempt(self, method: Any, target: Any, headers: Any, size: Any) -> Any:
        """See RequestObserver; the subclass's."""
        raise NotImplementedError
