"""A server that plays a script on plain sockets: for answers that the bundled server cannot give."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any

import anyio
import pytest

from pynector import TimeoutError
from sockets import secured

Part = bytes | str | threading.Event | Callable[[], object]
Step = Part | Sequence[Part]
Script = Sequence[Step]

PATIENCE = 20.0


def answer(body: bytes = b"ok", status: str = "200 OK", *headers: str, length: bool = True) -> bytes:
    """Give a response as it stands on the wire."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*chunks: bytes) -> bytes:
    """Give a body in chunked coding, with its end."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


async def eventually(condition: Callable[[], object]) -> bool:
    """Wait until another thread makes a condition true; say whether it did."""
    with anyio.move_on_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - another thread sets no Event of ours
            await anyio.sleep(0.005)
    # Let the event loop see what has arrived on its sockets by now.
    await anyio.sleep(0.02)
    return bool(condition())


async def out_of_time(ask: Callable[[float], Awaitable[object]], phase: str) -> TimeoutError:
    """Give what a request ends with whose time passes in a phase; it is asked with a time in seconds.

    A machine that pauses may take all of a short time before that phase begins: then there is more of it.
    """
    for seconds in (0.3, 3, 30):
        with pytest.raises(TimeoutError) as caught:
            await ask(seconds)
        if caught.value.phase == phase:
            break
    return caught.value


class Connection:
    """One accepted connection.

    Attributes:
        received: All bytes that came.
        requests: The complete requests among them.
        ended: Set when the connection is closed, by whichever side.
        certificate: What the client showed of itself, as ssl.SSLSocket.getpeercert() has it.
    """

    def __init__(self) -> None:
        self.received = b""
        self.requests: list[bytes] = []
        self.ended = threading.Event()
        self.certificate: Any = None


class ScriptedServer:
    """Listens on a free port of 127.0.0.1 and plays a script on each connection, in a thread.

    Args:
        scripts: One for each connection in the order of their arrival; the last one serves all later ones, too. A
            script has one step for each request: what to do when the request is complete. A step is a part or several:
            bytes to send; an Event to wait for; a function to call; or "close", "unwrap" (the same with TLS's word for
            it), "reset" (an RST instead of a FIN), "end" (a FIN, after which there may be a "reset") or "hang" (nothing
            more, until the client closes the connection).
            After its last step a connection hangs.
        tls: Context of a TLS server.
        greeting: What to send at once, before any request.
        early: Whether a request's step is played when its head has come, and its body is not read before.
        listening: False binds the port but accepts nothing: connections are refused.
    """

    def __init__(
        self,
        *scripts: Script,
        tls: ssl.SSLContext | None = None,
        greeting: bytes = b"",
        early: bool = False,
        listening: bool = True,
    ) -> None:
        self._scripts = scripts or ([],)
        self._tls = tls
        self._greeting = greeting
        self._early = early
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self.connections: list[Connection] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.scheme = "http" if tls is None else "https"
        self._listening = listening
        self._accepting = threading.Thread(target=self._accept, name="scripted server")

    def script(self, *scripts: Script) -> None:
        """Replace the scripts, for those that need the server's address."""
        self._scripts = scripts

    def refuse(self) -> None:
        """Accept no more connections: they are refused from now on."""
        self._stop_accepting()

    @property
    def url(self) -> str:
        """The base URL without a slash at its end."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[bytes]:
        """The complete requests of all connections."""
        return [request for connection in self.connections for request in connection.requests]

    @property
    def received(self) -> bytes:
        """All bytes that came on any connection."""
        return b"".join(connection.received for connection in self.connections)

    def __enter__(self) -> ScriptedServer:
        if self._listening:
            self._listener.listen(128)
            self._accepting.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop_accepting()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads), "a script waits for an event nobody sets"

    def _stop_accepting(self) -> None:
        if self._listening and not self._stopping:
            self._stopping = True
            # accept() in another thread does not notice that its socket is closed, but it does notice a connection.
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE):
                self._accepting.join(PATIENCE)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._stopping:
                sock.close()
                return
            script = self._scripts[min(len(self.connections), len(self._scripts) - 1)]
            connection = Connection()
            self.connections.append(connection)
            self._sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, script, connection))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, script: Script, connection: Connection) -> None:
        wire = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                wire = sock = secure = secured(self._tls, sock)
                connection.certificate = secure.getpeercert()
                self._sockets.append(sock)
            wire = self._wire(sock)
            wire.sendall(self._greeting)
            for step in script:
                request = _read_request(wire, connection, self._early)
                if request is None:
                    return
                connection.requests.append(request)
                if not _play(step, wire):
                    return
            _read_to_end(wire, connection)
        except OSError:
            pass  # the client went away; what it sent is recorded
        finally:
            wire.close()
            connection.ended.set()

    def _wire(self, sock: socket.socket) -> socket.socket:
        """Return what is read from and written to in HTTP/1.1."""
        return sock


def _play(step: Step, sock: socket.socket) -> bool:
    """Play a step; say whether the connection goes on."""
    for part in step if isinstance(step, list) else [step]:
        if isinstance(part, bytes):
            sock.sendall(part)
        elif isinstance(part, threading.Event):
            part.wait(PATIENCE)
        elif callable(part):
            part()
        elif part == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        elif part == "end":
            sock.shutdown(socket.SHUT_WR)
        elif part == "close":
            return False
        elif part == "unwrap":
            sock.unwrap()  # type: ignore[attr-defined]
            return False
        elif part == "hang":
            while sock.recv(65536):
                pass
            return False
        else:
            raise ValueError(f"a script knows no {part!r}")
    return True


def _read_to_end(sock: socket.socket, connection: Connection) -> None:
    while data := sock.recv(65536):
        connection.received += data


def _read_request(sock: socket.socket, connection: Connection, early: bool) -> bytes | None:
    """Read one request, or None if the connection ends before it does."""
    start = sum(map(len, connection.requests))
    while True:
        end = _end_of_request(connection.received[start:], early)
        if end is not None:
            return connection.received[start : start + end]
        data = sock.recv(65536)
        if not data:
            return None
        connection.received += data


def _end_of_request(data: bytes, early: bool) -> int | None:
    head, blank, _ = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    body = len(head) + 4
    if early:
        return body
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    if length:
        end = body + int(length[1])
        return end if len(data) >= end else None
    if re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE):
        last = data.find(b"0\r\n\r\n", body)
        return None if last < 0 else last + 5
    return body
