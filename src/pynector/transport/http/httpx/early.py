"""What comes of an answer while its request is still being written."""

from __future__ import annotations

import h11

# As much of an answer is read while its request is written (bytes).
MOST_AHEAD = 1 << 18


class EarlyAnswer:
    """Reads along, until nothing more of the request needs to be sent.

    That is when the answer is whole, for there are servers that answer while they read; or when it is a redirect or an
    error whose end can be told without the connection's.

    Args:
        method: The request's.
    """

    def __init__(self, method: str) -> None:
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_AHEAD)
        # What the request says beside its method does not matter for reading its answer.
        self._parser.send(h11.Request(method=method, target="/", headers=[("Host", "host")]))

    def take(self, data: bytes) -> bool:
        """Take the next bytes, b"" at their end; say whether nothing more of the request needs to be sent."""
        try:
            self._parser.receive_data(data)
            return self._is_enough()
        except Exception:
            # Whatever is wrong with the answer, httpcore reads it again and says so.
            return True

    def _is_enough(self) -> bool:
        while True:
            event = self._parser.next_event()
            if event is h11.NEED_DATA:
                return False
            if isinstance(event, h11.Response) and event.status_code >= 300 and _has_length(event):
                return True
            if not isinstance(event, (h11.InformationalResponse, h11.Response, h11.Data)):
                return True


def _has_length(answer: h11.Response) -> bool:
    names = {bytes(name) for name, _ in answer.headers}
    return not names.isdisjoint({b"content-length", b"transfer-encoding"}) or answer.status_code == 304
