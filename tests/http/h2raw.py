"""Both ends of HTTP/2 that send frames as they are told, and show those that come, whatever the rules say."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import hpack

from pynector.testing.http2 import frames
from sockets import secured

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TIMEOUT = 20
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
    def content(self) -> bytes:
        """What it carries without padding."""
        if self.kind in (frames.DATA, frames.HEADERS) and self.flags & frames.PADDED:
            return self.payload[1 : len(self.payload) - self.payload[0]]
        return self.payload

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


class Peer:
    """One end of a connection, on a socket that blocks.

    Attributes:
        frames: What came.
        acks: The types of frames that are acknowledged as they come.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pending = b""
        self._decoder = hpack.Decoder(max_header_list_size=1 << 30)
        self._block = b""
        self.encoder = hpack.Encoder()
        self.frames: list[Frame] = []
        self.acks = {frames.SETTINGS, frames.PING}

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._sock.sendall(data)

    def frame(self, kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> None:
        """Send a frame."""
        self.send(frames.frame(kind, flags, stream, payload))

    def settings(self, **settings: int) -> None:
        """Send SETTINGS, by the names that they have in `frames.SETTINGS_IDS`."""
        pairs = [(frames.SETTINGS_IDS[name], value) for name, value in settings.items()]
        self.frame(frames.SETTINGS, payload=b"".join(n.to_bytes(2, "big") + v.to_bytes(4, "big") for n, v in pairs))

    def credit(self, stream: int, size: int) -> None:
        """Make a window larger, 0 for that of the connection."""
        self.frame(frames.WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))

    def open_windows(self) -> None:
        """Send settings and credit, so that as much may come as can be said."""
        self.settings(initial_window_size=LARGEST)
        self.credit(0, LARGEST - 65_535)

    def reset(self, stream: int, code: int = 8) -> None:
        """Send RST_STREAM."""
        self.frame(frames.RST_STREAM, 0, stream, code.to_bytes(4, "big"))

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send a DATA frame."""
        self.frame(frames.DATA, frames.END_STREAM if end else 0, stream, data)

    def receive(self) -> Frame | None:
        """Return the next frame, None at the end of the connection."""
        head = self.read(9)
        payload = None if head is None else self.read(int.from_bytes(head[:3], "big"))
        if head is None or payload is None:
            return None
        frame = Frame(head[3], head[4], int.from_bytes(head[5:9], "big"), payload)
        self.frames.append(frame)
        if frame.kind in (frames.HEADERS, frames.CONTINUATION):
            self._take_block(frame)
        if frame.kind == frames.SETTINGS and not frame.flags & frames.ACK:
            self._take_settings(payload)
        if frame.kind in self.acks and not frame.flags & frames.ACK:
            self.frame(frame.kind, frames.ACK, 0, payload if frame.kind == frames.PING else b"")
        return frame

    def _take_block(self, frame: Frame) -> None:
        self._block += frame.content
        if frame.flags & frames.END_HEADERS:
            decoded = self._decoder.decode(self._block, raw=True)
            frame.fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in decoded]
            self._block = b""

    def _take_settings(self, payload: bytes) -> None:
        for at in range(0, len(payload), 6):
            if payload[at : at + 2] == b"\0\x01":
                self.encoder.header_table_size = int.from_bytes(payload[at + 2 : at + 6], "big")

    def read(self, size: int) -> bytes | None:
        """Return so many bytes as they come, None where the connection ends before."""
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

    def rest(self) -> bytes:
        """Return what has come of a frame that is not whole."""
        return self._pending

    def patience(self, seconds: float) -> None:
        """Wait so long for bytes, and raise TimeoutError then."""
        self._sock.settimeout(seconds)

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


class RawClient(Peer):
    """The end that asks."""

    def __init__(self, sock: socket.socket, settings: dict[str, int], credit: bool) -> None:
        super().__init__(sock)
        self._next = 1
        self.send(PREFACE)
        self.settings(**{"initial_window_size": LARGEST, **settings})
        if credit:
            self.credit(0, LARGEST - 65535)

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
        pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")]
        block = self.encoder.encode([*pseudo, *((name.replace("_", "-"), value) for name, value in fields.items())])
        self.send(frames.headers(stream, block, frames.END_STREAM if end else 0))
        return stream

    def response(self, stream: int) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return the status, the fields and the body of an answer that comes whole."""
        self.until(lambda frame: frame.stream == stream and (frame.ends or frame.kind == frames.RST_STREAM))
        of_stream = [frame for frame in self.frames if frame.stream == stream]
        assert of_stream[-1].kind != frames.RST_STREAM, of_stream[-1]
        ((_, status), *fields) = next(f.fields for f in of_stream if f.fields and f.fields[0][1] >= "200")
        return int(status), fields, b"".join(frame.content for frame in of_stream if frame.kind == frames.DATA)

    def get(self, path: str) -> bytes:
        """Return the body of the answer to a request for a path."""
        return self.response(self.request(path))[2]


@contextmanager
def connect(port: int, *, credit: bool = True, **settings: int) -> Iterator[RawClient]:
    """Open a connection, and begin to speak HTTP/2 at once.

    Args:
        port: A port of 127.0.0.1.
        credit: Whether the window of the connection is made as large as can be.
        settings: What the first SETTINGS say; the windows of streams are as large as can be otherwise.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield RawClient(sock, settings, credit)


class RawPeer(Peer):
    """The end that is asked: nothing is sent but what is said, and acknowledgements as they are due."""

    def request(self) -> tuple[int, dict[str, str], bytes]:
        """Return the stream, the fields and the body of the next request that comes whole."""
        stream = self.until(lambda frame: frame.ends).stream
        of_stream = [frame for frame in self.frames if frame.stream == stream]
        body = b"".join(frame.content for frame in of_stream if frame.kind == frames.DATA)
        return stream, dict(of_stream[0].fields), body

    def head(self, stream: int, *fields: tuple[str, str], status: int = 200, end: bool = False) -> None:
        """Send the head of an answer."""
        block = self.encoder.encode([(":status", str(status)), *fields])
        self.send(frames.headers(stream, block, frames.END_STREAM if end else 0))

    def answer(self, stream: int, body: bytes = b"ok") -> None:
        """Send an answer."""
        self.head(stream)
        self.data(stream, body, end=True)


class RawServer:
    """Listens on a free port of 127.0.0.1, and plays a function on each connection in a thread.

    Args:
        plays: One for each connection in the order in which they come; the last one is for all later ones, too. When
            it returns, the connection is read to its end.
        tls: A server's context.

    Attributes:
        peers: The connections.
    """

    def __init__(self, *plays: Callable[[RawPeer], Any], tls: ssl.SSLContext | None = None) -> None:
        self._plays = plays
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._stopping = False
        self._accepting = threading.Thread(target=self._accept)
        self.peers: list[RawPeer] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> RawServer:
        self._accepting.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping = True
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT):
            self._accepting.join(TIMEOUT)
        self._listener.close()
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(TIMEOUT)
        assert not any(thread.is_alive() for thread in self._threads)

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._stopping:
                sock.close()
                return
            self._sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError), sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                self._play(sock)
            else:
                with secured(self._tls, sock) as secure:
                    self._sockets.append(secure)
                    self._play(secure)

    def _play(self, sock: socket.socket) -> None:
        peer = RawPeer(sock)
        play = self._plays[min(len(self.peers), len(self._plays) - 1)]
        self.peers.append(peer)
        if peer.read(len(PREFACE)) == PREFACE:
            play(peer)
            peer.to_end()
