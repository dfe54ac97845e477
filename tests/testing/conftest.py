"""A client for the loopback server, and the server on uvloop and on asyncio's own loop."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

import pytest
import trustme
from h2raw import connect

from pynector.testing import LoopbackServer
from pynector.testing.server import Listener, listen
from pynector.testing.state import ServerState

TIMEOUT = 20


class Client:
    """Talks to a server by http.client and by plain sockets."""

    version = 1

    def __init__(self, port: int, counts: Callable[[], dict[str, int]]) -> None:
        self.port = port
        self.counts = counts

    def request(self, path: str, method: str = "GET", **kwargs: Any) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send one request on a connection of its own; return status, header fields, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        with closing(connection):
            connection.request(method, path, **kwargs)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def body(self, path: str) -> bytes:
        """Return the content at a path that answers 200."""
        status, _, body = self.request(path)
        assert status == 200
        return body

    def json(self, path: str, method: str = "GET", **kwargs: Any) -> Any:
        """Return the JSON value at a path that answers 200."""
        status, headers, body = self.request(path, method, **kwargs)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        return json.loads(body)

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        """Open a plain connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield sock

    def raw(self, *pieces: bytes) -> bytes:
        """Send the pieces and return everything until the server closes the connection."""
        with self.connect() as sock:
            for piece in pieces:
                sock.sendall(piece)
            return b"".join(iter(lambda: sock.recv(65536), b""))

    def wait_for(self, **expected: int) -> None:
        """Wait until the counts have these values."""
        deadline = time.monotonic() + TIMEOUT
        while not expected.items() <= self.counts().items():
            assert time.monotonic() < deadline, (expected, self.counts())
            time.sleep(0.001)


class Http2Client(Client):
    """Asks by HTTP/2."""

    version = 2

    def request(self, path: str, method: str = "GET", **kwargs: Any) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send one request on a connection of its own; return status, header fields, body."""
        fields = {name.lower(): value.strip() for name, value in kwargs.get("headers", {}).items()}
        with connect(self.port) as connection:
            stream = connection.request(path, method, kwargs.get("body"), **fields)
            status, pairs, body = connection.response(stream)
        headers = http.client.HTTPMessage()
        for name, value in pairs:
            headers[name.title()] = value
        return status, headers, body


class ServerInThread:
    """The server on asyncio's own loop in a thread of this process. It speaks HTTP/2, too."""

    def __init__(self) -> None:
        self.state = ServerState()
        self.port = 0
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        listening = await listen(Listener(http2=True), self.state)
        self.port = listening.port
        self._listening.set()
        await self._stop.wait()
        listening.close()
        # Connections the tests have closed are closed here a moment later.
        while self.state.open_connections:  # noqa: ASYNC110 - the state is plain numbers
            await asyncio.sleep(0.01)

    def start(self) -> None:
        self._thread.start()
        assert self._listening.wait(TIMEOUT)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def process_server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


@pytest.fixture(scope="session")
def thread_server() -> Iterator[ServerInThread]:
    server = ServerInThread()
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["thread", "process", "http2"])
def client(request: pytest.FixtureRequest) -> Client:
    """A client of a server without open connections and with its counts at zero."""
    return quiet(request)


@pytest.fixture(params=["thread", "process"])
def http1(request: pytest.FixtureRequest) -> Client:
    """The same, and it speaks HTTP/1.1."""
    return quiet(request)


@pytest.fixture(scope="session")
def process_server_of_http2() -> Iterator[LoopbackServer]:
    with LoopbackServer(http2=True) as server:
        yield server


def quiet(request: pytest.FixtureRequest) -> Client:
    if not request.param.startswith("process"):
        thread_server: ServerInThread = request.getfixturevalue("thread_server")
        state = thread_server.state
        kind = Http2Client if request.param == "http2" else Client
        client = kind(thread_server.port, lambda: asdict(state.snapshot()))
        client.wait_for(open_connections=0)
        state.reset()
        return client
    name = "process_server_of_http2" if request.param == "process2" else "process_server"
    process_server: LoopbackServer = request.getfixturevalue(name)
    client = Client(process_server.port, lambda: asdict(process_server.stats()))
    client.wait_for(open_connections=0)
    process_server.reset()
    return client


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def certificates(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of a server's certificate, its key, and the certificate of the CA."""
    folder = tmp_path_factory.mktemp("certificates")
    certificate = ca.issue_cert("127.0.0.1", "localhost")
    paths = {name: str(folder / f"{name}.pem") for name in ("certfile", "keyfile", "client_ca")}
    certificate.cert_chain_pems[0].write_to_path(paths["certfile"])
    certificate.private_key_pem.write_to_path(paths["keyfile"])
    ca.cert_pem.write_to_path(paths["client_ca"])
    return paths
