"""The bodies of requests on a connection of HTTP/2 that go piece by piece, as far as the peer takes them."""

from typing import Any

from .http2stream import Stream

# A body is given to the library by pieces of this size, and an upload waits while more than that is there (bytes).
PIECE = 1 << 18


class Bodies:
    """Those of one connection.

    Args:
        protocol: The library's connection.

    Attributes:
        is_full: Whether the peer does not read as fast as is written.
    """

    __slots__ = ("_protocol", "_streams", "is_full")

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._streams: dict[int, Stream] = {}
        self.is_full = False

    def begin(self, stream: Stream, body: bytes) -> None:
        """Send a body: what is given, unless the exchange has an upload."""
        stream.sends = True
        stream.bodies = self
        self._streams[stream.number] = stream
        if stream.exchange.upload is not None:
            stream.exchange.upload.begin(stream)
        elif len(body) <= PIECE:
            self._protocol.send_data(stream.number, body, end_stream=True)
        else:
            stream.rest = memoryview(body)

    def send(self, stream: Stream, data: bytes, is_last: bool) -> None:
        """Send a piece of an upload."""
        self._protocol.send_data(stream.number, data, end_stream=is_last)
        self._pace(stream)

    def left_of(self, stream: Stream) -> int:
        """Return how many bytes of a body have not been written."""
        queued: int = self._protocol.queued_body_size(stream.number)
        return queued + (0 if stream.rest is None else len(stream.rest))

    def drop(self, number: int) -> None:
        """Let go of a stream that has ended."""
        self._streams.pop(number, None)

    def pause(self) -> None:
        """Have all uploads wait: the peer does not read."""
        self.is_full = True
        for stream in self._streams.values():
            self._pace(stream)

    def feed(self) -> bool:
        """Give the library more when it has written, and say whether there was any; take note of whose end has left."""
        has_fed = False
        if not self._streams:
            return has_fed
        for stream in list(self._streams.values()):
            upload = stream.exchange.upload
            if upload is not None and not upload.finished:
                self._pace(stream)
            elif self._protocol.queued_body_size(stream.number) == 0:
                if stream.rest is None:
                    stream.is_sent = True
                    self.drop(stream.number)
                elif not self.is_full:
                    self._give_next(stream)
                    has_fed = True
        return has_fed

    def _give_next(self, stream: Stream) -> None:
        piece, rest = stream.rest[:PIECE], stream.rest[PIECE:]
        is_last = len(rest) == 0
        stream.rest = None if is_last else rest
        self._protocol.send_data(stream.number, piece, end_stream=is_last)

    def _pace(self, stream: Stream) -> None:
        """Have an upload wait while enough of it is on its way, or go on."""
        upload = stream.exchange.upload
        if upload is not None:
            if self.is_full or self._protocol.queued_body_size(stream.number) > PIECE:
                upload.pause()
            else:
                upload.resume()
