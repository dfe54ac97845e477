"""A client of HTTP/2 that sends frames as it is told, and shows those that come: for tests of servers."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import hpack

from pynector.testing.http2 import frames

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TIMEOUT = 10
LARGEST = 2**31 - 1


@dataclass
class Frame:
    """A frame that came; a block of fields goes with the frame that ends it."""

    kind: int
    flags: int
    stream: int
    payload: bytes
    fields: list[tuple[str, str]] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The error code of RST_STREAM and GOAWAY."""
        at = 4 if self.kind == frames.GOAWAY else 0
        return int.from_bytes(self.payload[at : at + 4], "big")

    @property
    def number(self) -> int:
        """The first four bytes of what it carries."""
        return int.from_bytes(self.payload[:4], "big")

    @property
    def ends(self) -> bool:
        """Whether it ends the stream."""
        return self.kind in (frames.DATA, frames.HEADERS) and bool(self.flags & frames.END_STREAM)


class RawClient:
    """One connection, on a socket that blocks.

    Attributes:
        frames: What came.
        acks: The types of frames that are acknowledged as they come.
        credit: Whether the window of the connection is made as large as can be at once.
    """

    def __init__(self, sock: socket.socket, settings: dict[str, int], credit: bool) -> None:
        self._sock = sock
        self._pending = b""
        self._encoder = hpack.Encoder()
        self._decoder = hpack.Decoder(max_header_list_size=1 << 30)
        self._block = b""
        self._next = 1
        self.frames: list[Frame] = []
        self.acks = {frames.SETTINGS, frames.PING}
        wanted = {"initial_window_size": LARGEST, **settings}
        payload = b"".join(
            frames.SETTINGS_IDS[name].to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in wanted.items()
        )
        self.send(PREFACE + frames.frame(frames.SETTINGS, 0, 0, payload))
        if credit:
            self.credit(0, LARGEST - 65535)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._sock.sendall(data)

    def credit(self, stream: int, size: int) -> None:
        """Make a window larger, 0 for that of the connection."""
        self.send(frames.frame(frames.WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big")))

    def reset(self, stream: int, code: int = 8) -> None:
        """Send RST_STREAM."""
        self.send(frames.frame(frames.RST_STREAM, 0, stream, code.to_bytes(4, "big")))

    def request(self, path: str, method: str = "GET", body: bytes | None = None, **fields: str) -> int:
        """Send a request, its body in frames of 16 KiB at once; return the number of its stream."""
        stream = self.head(path, method, end=body is None, **fields)
        if body is not None:
            pieces = [body[at : at + 16384] for at in range(0, len(body), 16384)] or [b""]
            for piece in pieces[:-1]:
                self.data(stream, piece)
            self.data(stream, pieces[-1], end=True)
        return stream

    def head(self, path: str, method: str = "GET", *, end: bool = False, **fields: str) -> int:
        """Send the head of a request; return the number of its stream."""
        stream, self._next = self._next, self._next + 2
        block = self._encoder.encode(
            [
                (":method", method),
                (":scheme", "http"),
                (":path", path),
                (":authority", "a"),
                *((name.replace("_", "-"), value) for name, value in fields.items()),
            ]
        )
        self.send(frames.headers(stream, block, frames.END_STREAM if end else 0))
        return stream

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send a DATA frame."""
        self.send(frames.frame(frames.DATA, frames.END_STREAM if end else 0, stream, data))

    def receive(self) -> Frame | None:
        """Return the next frame, None at the end of the connection."""
        head = self._read(9)
        if head is None:
            return None
        payload = self._read(int.from_bytes(head[:3], "big"))
        if payload is None:
            return None
        frame = Frame(head[3], head[4], int.from_bytes(head[5:9], "big"), payload)
        self.frames.append(frame)
        if frame.kind in (frames.HEADERS, frames.CONTINUATION):
            self._block += payload
            if frame.flags & frames.END_HEADERS:
                decoded = self._decoder.decode(self._block, raw=True)
                frame.fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in decoded]
                self._block = b""
        elif frame.kind in self.acks and not frame.flags & frames.ACK:
            self.send(frames.frame(frame.kind, frames.ACK, 0, payload if frame.kind == frames.PING else b""))
        return frame

    def _read(self, size: int) -> bytes | None:
        while len(self._pending) < size:
            try:
                data = self._sock.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._pending += data
        data, self._pending = self._pending[:size], self._pending[size:]
        return data

    def until(self, condition: Callable[[Frame], Any]) -> Frame:
        """Return the next frame that meets a condition."""
        while (frame := self.receive()) is not None:
            if condition(frame):
                return frame
        raise AssertionError(f"the connection ended with {self.frames[-5:]}")

    def next(self, kind: int, stream: int | None = None) -> Frame:
        """Return the next frame of a type, of one stream or of any, that is no acknowledgement."""
        return self.until(
            lambda frame: (
                frame.kind == kind
                and stream in (None, frame.stream)
                and not (kind in (frames.SETTINGS, frames.PING) and frame.flags & frames.ACK)
            )
        )

    def to_end(self) -> list[Frame]:
        """Return all that comes until the connection ends."""
        start = len(self.frames)
        while self.receive() is not None:
            pass
        return self.frames[start:]

    def response(self, stream: int) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return the status, the fields and the body of an answer that comes whole."""
        self.until(lambda frame: frame.stream == stream and (frame.ends or frame.kind == frames.RST_STREAM))
        of_stream = [frame for frame in self.frames if frame.stream == stream]
        assert of_stream[-1].kind != frames.RST_STREAM, of_stream[-1]
        ((_, status), *fields) = next(f.fields for f in of_stream if f.fields and f.fields[0][1] >= "200")
        return int(status), fields, b"".join(frame.payload for frame in of_stream if frame.kind == frames.DATA)

    def get(self, path: str) -> bytes:
        """Return the body of the answer to a request for a path."""
        return self.response(self.request(path))[2]


@contextmanager
def connect(
    port: int, *, tls: ssl.SSLContext | None = None, credit: bool = True, **settings: int
) -> Iterator[RawClient]:
    """Open a connection, over TLS where a context is given, and begin to speak HTTP/2 at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            yield RawClient(sock, settings, credit)
        else:
            with tls.wrap_socket(sock, server_hostname="127.0.0.1") as secure:
                yield RawClient(secure, settings, credit)
