"""The pool of connections: attempts that nobody waits for, dead connections, and what is forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from scripted import ScriptedServer, answer, chunked, eventually

from engines import HAS_HTTP2
from leaks import open_files
from loops import EVERYWHERE, LOOPS
from pynector import ConnectionLost, Pynector, PynectorError, TimeoutError
from pynector.testing import LoopbackServer
from pynector.transport.http import HTTPTransportFactory

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def counted() -> Iterator[LoopbackServer]:
    """A server whose connections are counted: nobody connects to it and does not wait for that."""
    with LoopbackServer(http2=HAS_HTTP2) as running:
        yield running


@pytest.fixture(scope="module")
def other() -> Iterator[LoopbackServer]:
    """Another origin than the bundled server's."""
    with LoopbackServer(http2=HAS_HTTP2) as running:
        yield running


async def give_up(client: Pynector, count: int, how: str) -> None:
    """Ask for what cannot be connected to, and stop waiting for it."""
    if how == "late":
        for result in await client.batch_request([({"path": "/"}, {"timeout": 0.1})] * count):
            assert isinstance(result, TimeoutError)
        return
    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(client.request, {"path": "/"})
        await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["cancelled", "late"])
@pytest.mark.parametrize("max_connections", [1, 2])
async def test_an_attempt_that_nobody_waits_for_is_ended(
    deaf: str, engine: str, how: str, max_connections: int
) -> None:
    async with Pynector(base_url=deaf, http_engine=engine, max_connections=max_connections) as client:
        with pytest.raises(TimeoutError):
            # What is made once for all is there from now on.
            await client.request({"path": "/"}, timeout=0.1)
        files = open_files()
        await give_up(client, max_connections, how)
        # What was given up before may have had to be closed yet.
        assert await eventually(lambda: open_files() <= files)
        # Did one of them hold its place, this one would wait in the queue.
        with pytest.raises(TimeoutError) as late:
            await client.request({"path": "/"}, timeout=0.3)
        assert (late.value.phase, late.value.sent) == ("connect", "none")
        stats = client.stats()
        assert (stats.in_flight, stats.queued) == (0, 0)


@pytest.mark.parametrize("engine", ["native"])
async def test_an_attempt_goes_to_whom_waits_when_its_own_request_is_given_up(play: Play, engine: str) -> None:
    server = play([answer(b"for the second")])
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1) as client:
        first = anyio.CancelScope()
        results: list[Any] = []

        async def ask(path: str, scope: anyio.CancelScope) -> None:
            with scope:
                results.append(await client.request({"path": path}))

        async with anyio.create_task_group() as tasks:
            # Both begin before the attempt can have come to its end.
            tasks.start_soon(ask, "/first", first)
            tasks.start_soon(ask, "/second", anyio.CancelScope())
            await anyio.lowlevel.checkpoint()
            first.cancel()
        assert results == [b"for the second"]
    assert len(server.connections) == 1


# Keeps a segment back until it is full, or the end is to go with it.
CORK = getattr(socket, "TCP_CORK", getattr(socket, "TCP_NOPUSH", socket.TCP_NODELAY))


class DyingServer:
    """Answers each connection's first request, and ends the connection in the same segment."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.served = 0
        self._listener = socket.create_server((self.host, 0), backlog=200)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                sock, _ = self._listener.accept()
                with sock:
                    data = sock.recv(65536)
                    if data == b"stop":
                        return
                    if data:
                        self.served += 1
                        # No Connection: close: only the FIN tells, in the segment of the answer.
                        sock.setsockopt(socket.IPPROTO_TCP, CORK, 1)
                        sock.sendall(answer(b"ok"))
                        sock.shutdown(socket.SHUT_WR)

    def __enter__(self) -> DyingServer:
        return self

    def __exit__(self, *exc: object) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.sendall(b"stop")
        self._thread.join()
        self._listener.close()


async def test_a_connection_that_ended_with_its_answer_takes_no_post(engine: str) -> None:
    with DyingServer() as server:
        async with Pynector(base_url=server.url, http_engine=engine, max_connections=4) as client:
            requests: list[Any] = [({"method": "POST", "path": "/", "json": n}, {}) for n in range(200)]
            results = await client.batch_request(requests, max_concurrency=4)
            lost = [result for result in results if isinstance(result, ConnectionLost)]
            assert not lost
            assert server.served == len(requests)


class EverywhereServer(DyingServer):
    """The same on every address of the loopback network."""

    host = "0.0.0.0"


@pytest.mark.parametrize("kind", ["ended", "refused"])
async def test_origins_are_forgotten_with_their_last_connection(engine: str, kind: str) -> None:
    with EverywhereServer() as server:
        port = server.port if kind == "ended" else 9
        transport = HTTPTransportFactory().create_transport(http_engine=engine)
        async with transport, Pynector(transport) as client:
            requests: list[Any] = [({"url": f"http://127.0.{n >> 6}.{n & 63 or 1}:{port}/"}, {}) for n in range(300)]
            results = await client.batch_request(requests, max_concurrency=20)
            assert all((result == b"ok") is (kind == "ended") for result in results)
            assert await eventually(lambda: transport.origins() == [])


async def test_a_client_s_own_origin_is_kept(server: LoopbackServer, engine: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, max_keepalive=0) as client:
        for number in range(3):
            assert await client.request({"path": f"/id/{number}"}) == str(number).encode()


# Bodies that nobody wants


@pytest.mark.parametrize("how", ["request", "stream"])
@pytest.mark.parametrize("framing", ["length", "chunked", "end"])
@pytest.mark.parametrize("size", [0, 1000, 1 << 16, 1 << 19, 1 << 23])
async def test_the_body_of_a_redirect_is_dropped(play: Play, engine: str, how: str, framing: str, size: int) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /next\r\n"
    if framing == "length":
        redirect = head + b"Content-Length: %d\r\n\r\n" % size + bytes(size)
    elif framing == "chunked":
        pieces = [bytes(min(1000, size - start)) for start in range(0, size, 1000)]
        redirect = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(*pieces)
    else:
        redirect = head + b"\r\n" + bytes(size)
    ends = ["close"] if framing == "end" else []
    server = play([[redirect, *ends], answer(b"done")], [answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with anyio.fail_after(20):
            if how == "request":
                assert await client.request({"path": "/"}) == b"done"
            else:
                async with client.stream({"path": "/"}) as response:
                    assert await response.read() == b"done"
    kept = size <= 1 << 16 and framing != "end"
    assert len(server.connections) == (1 if kept else 2)


@pytest.mark.parametrize("how", ["request", "stream"])
async def test_an_endless_redirect_does_not_hold_its_request(play: Play, engine: str, how: str) -> None:
    endless = [b"HTTP/1.1 302 Found\r\nLocation: /next\r\nTransfer-Encoding: chunked\r\n\r\n"]
    endless += [b"1000\r\n" + bytes(4096) + b"\r\n"] * 40
    server = play([[*endless, "hang"]], [answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with anyio.fail_after(20):
            if how == "request":
                assert await client.request({"path": "/"}, max_response_bytes=10) == b"done"
            else:
                async with client.stream({"path": "/"}, max_response_bytes=10) as response:
                    assert await response.read() == b"done"


async def test_a_redirect_that_is_not_followed_keeps_its_body(play: Play, engine: str) -> None:
    body = bytes(1 << 17)
    server = play([answer(body, "302 Found", "Location: /next"), answer(body, "302 Found")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"path": "/"}, follow_redirects=False) == body
        assert await client.request({"path": "/"}) == body


# Who waits


async def failure_of(client: Pynector, request: dict[str, Any], how: str, timeout: float) -> Any:
    """Send a request in one of the ways there are, and return what it failed with."""
    if how == "batch":
        (error,) = await client.batch_request([(request, {"timeout": timeout})])
        return error
    with pytest.raises(PynectorError) as failed:
        await SINGLY[how](client, request, timeout)
    return failed.value


async def streamed(client: Pynector, request: dict[str, Any], timeout: float) -> None:
    async with client.stream(request, timeout):
        pass


SINGLY: dict[str, Callable[..., Any]] = {
    "single": lambda client, request, timeout: client.request(request, timeout),
    "retry": lambda client, request, timeout: client.request_with_retry(request, timeout=timeout),
    "stream": streamed,
}


@pytest.mark.parametrize("how", ["single", "batch", "stream", "retry"])
async def test_waiting_for_a_connection_ends_with_the_timeout(server: LoopbackServer, engine: str, how: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1, max_streams=1) as client:
        async with client.stream({"path": "/bytes/40000000"}):
            with anyio.fail_after(20):
                error = await failure_of(client, {"path": "/id/1"}, how, timeout=0.3)
        assert isinstance(error, TimeoutError)
        assert (error.phase, error.sent) == ("queue", "none")
        assert await client.request({"path": "/id/2"}) == b"2"


async def test_a_single_request_s_time_counts_from_the_call(server: LoopbackServer, engine: str) -> None:
    errors: list[TimeoutError] = []

    async with Pynector(base_url=server.url, http_engine=engine, max_connections=2, max_streams=1) as client:

        async def ask() -> None:
            try:
                await client.request({"path": "/delay/0.4"}, timeout=1.0)
            except TimeoutError as error:
                errors.append(error)

        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(ask)
    # Two at a time, of which each takes 0.4 s: at most three rounds are done, and what waited on has not begun.
    assert len(errors) >= 6
    # The place of one that is late may go to the next before that one is late, too.
    phases = {(error.phase, error.sent) for error in errors}
    assert phases <= {("queue", "none"), ("connect", "none"), ("headers", "full")}
    assert ("queue", "none") in {(error.phase, error.sent) for error in errors}


# How many there may be


async def test_max_connections_holds_over_all_origins(play: Play, engine: str) -> None:
    servers = [play([answer()] * 4) for _ in range(6)]
    async with Pynector(http_engine=engine, max_connections=3) as client:
        requests: list[Any] = [({"url": servers[n % 6].url + f"/{n}"}, {}) for n in range(24)]
        with anyio.fail_after(20):
            assert await client.batch_request(requests, max_concurrency=3) == [b"ok"] * 24
        stats = client.stats()
        assert sum(stats.connections.values()) <= 3
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for request, _ in requests[:12]:
                    tasks.start_soon(client.request, request)
        assert sum(client.stats().connections.values()) <= 3


@pytest.mark.parametrize("engine", ["native"])
async def test_no_origin_waits_for_ever_for_the_connections_of_another(server: LoopbackServer, engine: str) -> None:
    with ScriptedServer([answer(b"other")]) as other:
        async with Pynector(base_url=server.url, http_engine=engine, max_connections=2) as client:
            stop = anyio.Event()

            async def ask_on() -> None:
                while not stop.is_set():
                    await client.request({"path": "/delay/0.01"})

            async with anyio.create_task_group() as tasks:
                for _ in range(8):
                    tasks.start_soon(ask_on)
                await anyio.sleep(0.1)
                assert await client.request({"url": f"{other.url}/"}, timeout=20) == b"other"
                stop.set()


@pytest.mark.parametrize("engine", ["native"])
@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_the_place_of_a_lost_idle_connection_goes_to_whom_waits(
    play: Play, engine: str, anyio_backend: Any
) -> None:
    go, close = threading.Event(), threading.Event()
    busy = play([[go, answer()], answer()])
    idle = play([[close, answer(), "close"]])
    async with Pynector(http_engine=engine, max_connections=2) as client:
        complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with anyio.create_task_group() as tasks:
            for server in (busy, idle):
                tasks.start_soon(client.request, {"url": f"{server.url}/"})
            assert await eventually(lambda: busy.requests and idle.requests)
            # More than there is room for. The first goes where the idle one was, when that is lost, and the next looks
            # for another idle one to close.
            for _ in range(2):
                tasks.start_soon(client.request, {"url": f"{busy.url}/"})
            await anyio.lowlevel.checkpoint()
            close.set()
            assert await eventually(lambda: len(busy.connections) == 2)
            go.set()
        assert not complaints
        assert sum(client.stats().connections.values()) <= 2


async def test_max_connections_per_origin(server: LoopbackServer, other: LoopbackServer, engine: str) -> None:
    other.reset()
    async with Pynector(base_url=server.url, http_engine=engine, max_connections_per_origin=2, max_streams=1) as client:

        async def ask(path: str) -> None:
            await client.request({"url": f"{other.url}{path}"})

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(ask, "/delay/0.05")
            await anyio.sleep(0.02)
            # Those of one origin hold nobody else up, and one that ends while it waits leaves its place.
            with anyio.move_on_after(0.01):
                await ask("/delay/0")
            assert await client.request({"path": "/delay/0"}) == b"0"
        assert 1 <= other.stats().connections <= 2


@pytest.mark.parametrize("limit", [None, 120])
async def test_connections_follow_the_window_unless_they_are_said(
    counted: LoopbackServer, engine: str, limit: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    counted.reset()
    # On a slow machine a connection that rests would expire, and be replaced.
    options: dict[str, Any] = {"max_connections": limit, "max_streams": 1, "keepalive_expiry": 600}
    async with Pynector(base_url=counted.url, http_engine=engine, **options) as client:
        for _ in range(2):
            requests: list[Any] = [({"path": "/delay/0.3"}, {})] * 150
            assert await client.batch_request(requests, max_concurrency=150) == [b"0.3"] * 150
    made = counted.stats().connections
    # httpcore's pool, unlike httpcore2's, makes others in the place of those that it has.
    assert made == (limit or 150) or (engine == "httpx" and made > (limit or 150))
    told = [record for record in caplog.records if "max_connections" in record.getMessage()]
    assert len(told) == (0 if limit is None else 1)


@pytest.mark.parametrize("engine", ["native"])
@pytest.mark.parametrize("how", ["batch", "tasks"])
async def test_what_is_idle_for_a_moment_is_not_too_much_to_be_kept(
    counted: LoopbackServer, how: str, engine: str
) -> None:
    counted.reset()
    async with Pynector(base_url=counted.url, http_engine=engine, max_keepalive=2) as client:
        if how == "batch":
            requests: list[Any] = [({"path": "/id/7"}, {})] * 160
            assert await client.batch_request(requests, max_concurrency=8) == [b"7"] * 160
        else:
            for _ in range(20):
                async with anyio.create_task_group() as tasks:
                    for _ in range(8):
                        tasks.start_soon(client.request, {"path": "/id/7"})
        # As many as are used at a time, and not others for each time: that would be more than 100. Where the machine
        # pauses, some.
        assert counted.stats().connections < 50
        assert await eventually(lambda: client.stats().connections == {"active": 0, "idle": 2})


async def test_what_is_sent_again_to_a_server_that_is_not_the_client_s_own_leaves_no_connection(
    play: Callable[..., ScriptedServer], engine: str
) -> None:
    server = play([answer(b"once"), "close"], [answer(b"anew")])
    async with Pynector(http_engine=engine) as client:
        for expected in (b"once", b"anew"):
            assert await client.request({"url": f"{server.url}/"}) == expected
        if engine == "native":
            assert client.stats().connections == {"active": 0, "idle": 1}
    assert await eventually(lambda: all(connection.ended.is_set() for connection in server.connections))


class Unread:
    """A server that answers when it is told that a request was sent, of which it has read nothing.

    Attributes:
        sent: To be released with each request.
        accepted: The connections.
    """

    def __init__(self) -> None:
        self.sent = threading.Semaphore(0)
        self.accepted: list[socket.socket] = []
        self._listener = socket.socket()
        # What the kernels keep of what is not read is little.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._listener.setblocking(False)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._is_over = False
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Unread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self.sent.release()
        self._thread.join()
        for sock in (self._listener, *self.accepted):
            sock.close()

    def _serve(self) -> None:
        while self.sent.acquire() and not self._is_over:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.accepted.append(self._listener.accept()[0])
            self.accepted[-1].sendall(answer(b"unread"))


@EVERYWHERE
async def test_requests_do_not_pile_up_before_a_server_that_answers_what_it_does_not_read() -> None:
    with Unread() as server:

        async def body() -> AsyncIterator[bytes]:
            yield bytes(30_000)
            server.sent.release()

        little = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)]
        async with Pynector(base_url=server.url, http_engine="native", socket_options=little) as client:
            for _ in range(20):
                request = {"method": "POST", "content": body(), "headers": {"content-length": "30000"}}
                assert await client.request(request) == b"unread"
        assert len(server.accepted) > 1
