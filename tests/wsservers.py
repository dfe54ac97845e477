"""The WebSocket tests' clients and servers."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import trustme

from pynector import Pynector
from sockets import secured

SERVER = Path(__file__).parent / "websocket" / "server.py"

Url = Callable[[str], str]
"""Gives the URL of an endpoint."""


def client(url: str, **options: Any) -> Pynector:
    """Give a client of a server."""
    return Pynector(transport_type="websocket", url=url, **options)


@contextmanager
def running(port: int = 0, kind: str = "websockets", files: tuple[str, ...] = ()) -> Iterator[int]:
    """Run a server in another process, over TLS with the files of a certificate and its key, and give its port."""
    command = [sys.executable, str(SERVER), str(port), kind, *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def start(port: int) -> tuple[subprocess.Popen[str], int]:
    """Start a server that can be killed or stopped, and give its port."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), str(port), "websockets"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@contextmanager
def listening(serve: Callable[[socket.socket], None] | None = None, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Listen, and have each connection served in a thread, or kept and never answered.

    Where a client goes, or the test is over, in the middle of it, what is served ends, and that is no failure.
    """
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with suppress(OSError):
                    if tls is not None:
                        connection = secured(tls, connection)
                    kept.append(connection)
                    if serve is not None:
                        serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            # It wakes the thread, which closing alone does not.
            for sock in (listener, *kept):
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            thread.join(20)
            for connection in kept:
                connection.close()
            assert not thread.is_alive()


def shake_hands(connection: socket.socket, close: bool = False, then: bytes = b"") -> None:
    """Answer a handshake; in the same piece comes a close with 1008, if asked for, or what else there is."""
    from websockets.server import ServerProtocol

    protocol = ServerProtocol()
    events: list[Any] = []
    while not events:
        data = connection.recv(4096)
        if not data:
            raise ConnectionResetError("the client has gone")
        protocol.receive_data(data)
        events = protocol.events_received()
    protocol.send_response(protocol.accept(events[0]))
    if close:
        protocol.send_close(1008, "not you")
    connection.sendall(b"".join(protocol.data_to_send()) + then)
    if close:
        connection.close()


def stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    # Without a deadline of its own: that would be one more timer where timers are counted.
    for _ in range(2_000):
        if condition():
            return
        await anyio.sleep(0.01)
    raise AssertionError("it did not come to be")


def certificate(folder: Path) -> tuple[str, str, str]:
    """Write a certificate for 127.0.0.1; give the files of its chain, its key, and the authority to trust."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain, key, trusted = (str(folder / name) for name in ("chain.pem", "key.pem", "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(trusted)
    return chain, key, trusted


@contextmanager
def demanding(context: ssl.SSLContext) -> Iterator[tuple[int, list[str]]]:
    """Shake hands over TLS with whoever shows what `context` wants; give the port, and a list with an item for each."""
    came: list[str] = []

    def serve(connection: socket.socket) -> None:
        came.append("one")
        with secured(context, connection, handshake=False) as wrapped:
            try:
                wrapped.do_handshake()
            except ssl.SSLError:
                # To close with something unread would be a reset, which overtakes the alert.
                socket.socket.shutdown(wrapped, socket.SHUT_WR)
                while socket.socket.recv(wrapped, 4096):
                    pass

    with listening(serve) as port:
        yield port, came
