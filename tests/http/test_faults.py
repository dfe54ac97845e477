"""What goes wrong on the wire, what error it becomes, and that nothing stays behind."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import anyio
import pytest
from scripted import ScriptedServer, answer, eventually, out_of_time

from engines import PACKAGES
from pynector import (
    ConnectError,
    ConnectionLost,
    ProtocolError,
    Pynector,
    PynectorError,
    TimeoutError,
    TransportError,
)
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]

# Passes while the thing waited for cannot come.
SHORT = 0.05


async def failure(client: Pynector, data: Any = None, **options: Any) -> Any:
    with pytest.raises(PynectorError) as caught:
        await client.request(data, **options)
    return caught.value


async def test_a_server_that_is_not_there_is_a_connect_error(play: Play, engine: str) -> None:
    server = play(listening=False)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        error = await failure(client, {"method": "POST", "path": "/x?secret=1"})
    assert (type(error), error.phase, error.sent, error.transient) == (ConnectError, "connect", "none", True)
    assert isinstance(error, ConnectionError)
    assert error.request == f"POST {server.url}/x"
    assert "secret" not in str(error)
    assert error.__cause__ is not None


async def test_a_name_that_does_not_resolve_is_a_connect_error(engine: str) -> None:
    async with Pynector(base_url="http://name.invalid", http_engine=engine) as client:
        error = await failure(client)
    assert (type(error), error.phase, error.sent) == (ConnectError, "connect", "none")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_new_connection_closed_at_once_is_lost(play: Play, engine: str, method: str) -> None:
    server = play(["close"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        error = await failure(client, None, method=method)
    assert (type(error), error.phase, error.sent) == (ConnectionLost, "headers", "full")
    assert error.request == f"{method} {server.url}/"
    assert len(server.requests) == 1


async def test_no_answer_is_a_timeout_that_says_how_far_it_came(play: Play, engine: str) -> None:
    server = play(*[["hang"]] * 3)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        error = await out_of_time(partial(client.request, b"body"), "headers")
        assert (error.phase, error.sent) == ("headers", "full")
        assert error.request == f"POST {server.url}/"
        assert await eventually(server.connections[-1].ended.is_set)


async def test_in_a_batch_a_timeout_says_the_same(play: Play, engine: str) -> None:
    server = play(["hang"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        late, _ = await client.batch_request([({"path": "/a"}, {"timeout": 2.0}), ({"path": "/b"}, {"timeout": SHORT})])
    assert (type(late), late.phase, late.sent) == (TimeoutError, "headers", "full")
    assert late.request == f"GET {server.url}/a"


@pytest.fixture
def deaf() -> Iterator[str]:
    """The URL of a server whose queue of connections is full, so that connecting never ends."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        second.setblocking(False)
        second.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_timeout_while_connecting_has_sent_nothing(deaf: str, engine: str) -> None:
    async with Pynector(base_url=deaf, http_engine=engine) as client:
        error = await failure(client, timeout=SHORT * 4)
    assert (type(error), error.phase, error.sent) == (TimeoutError, "connect", "none")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

BROKEN: list[tuple[str, Any, type[TransportError], str]] = [
    ("closed in the head", [b"HTTP/1.1 200 OK\r\nCont", "close"], ConnectionLost, "headers"),
    ("closed in the body", [HEAD + b"half", "close"], ConnectionLost, "body"),
    ("closed in a chunk", [CHUNKED + b"a\r\nhalf", "close"], ConnectionLost, "body"),
    ("closed between chunks", [CHUNKED + b"4\r\nhalf\r\n", "close"], ConnectionLost, "body"),
    ("garbage", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "hang"], ProtocolError, "headers"),
    ("bad header", [b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "hang"], ProtocolError, "headers"),
    ("bad length", [b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "hang"], ProtocolError, "headers"),
    ("bad chunk", [CHUNKED + b"zz\r\n", "hang"], ProtocolError, "body"),
]


@pytest.mark.parametrize(("step", "kind", "phase"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_a_broken_answer_is_an_error_and_never_a_short_success(
    play: Play, engine: str, step: Any, kind: type[TransportError], phase: str
) -> None:
    server = play([step], [answer(b"next")])
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1) as client:
        error = await failure(client, None, method="POST")
        assert (type(error), error.sent) == (kind, "full")
        assert error.phase == phase
        assert error.request == f"POST {server.url}/"
        assert await client.request(None) == b"next"


async def test_an_error_does_not_quote_a_header_s_value(play: Play, engine: str) -> None:
    server = play([[b"HTTP/1.1 200 OK\r\nSet-Cookie : secret\r\nno colon secret\r\n\r\n", "hang"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        error = await failure(client)
    assert isinstance(error, ProtocolError)
    assert "secret" not in str(error)


@pytest.mark.parametrize("before", [b"", HEAD + b"half"], ids=["headers", "body"])
async def test_a_reset_is_a_lost_connection(play: Play, engine: str, before: bytes) -> None:
    go = threading.Event()
    server = play([[before, go, "reset"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(_set_once_requested, server, go)
        error = await failure(client, None, method="PUT")
    assert (type(error), error.sent) == (ConnectionLost, "full")
    assert error.phase in ("headers", "body")


@pytest.mark.parametrize("engine", ["native", PACKAGES[-1]])
async def test_a_reset_behind_the_end_takes_nothing_from_an_answer(play: Play, engine: str) -> None:
    """As of Python's own server, which has not read all of a body that it has answered."""
    server = play([[answer(b"whole", length=False), "end", "reset"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for _ in range(10):
            assert await client.request({"path": "/"}) == b"whole"
            async with client.stream({"path": "/"}) as response:
                assert b"".join([piece async for piece in response.iter_bytes()]) == b"whole"


async def _set_once_requested(server: ScriptedServer, event: threading.Event) -> None:
    await eventually(lambda: server.requests)
    event.set()


async def test_a_body_that_drips_ends_at_the_deadline(client: Pynector) -> None:
    error = await out_of_time(partial(client.request, {"path": "/drip/100000?interval=0.01"}), "body")
    assert (error.phase, error.sent) == ("body", "full")


async def test_a_truncated_body_of_the_bundled_server_is_lost(client: Pynector, server: LoopbackServer) -> None:
    error = await failure(client, {"path": "/truncate/1000"})
    assert (type(error), error.phase, error.request) == (ConnectionLost, "body", f"GET {server.url}/truncate/1000")


# Kept connections


async def test_a_connection_is_kept_and_used_again(play: Play, engine: str) -> None:
    server = play([answer(b"1"), answer(b"2"), answer(b"3", "200 OK", "Connection: close")], [answer(b"4")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert [await client.request(None) for _ in range(4)] == [b"1", b"2", b"3", b"4"]
    assert [len(connection.requests) for connection in server.connections] == [3, 1]


# A request may be written by the compiled encoder or the long way, by what it says.
FORMS: list[tuple[Any, dict[str, Any]]] = [(None, {}), ({"path": "/"}, {}), ({"path": "/"}, {"params": {"a": 1}})]


def with_method(form: tuple[Any, dict[str, Any]], method: str) -> tuple[Any, dict[str, Any]]:
    data, options = form
    return (data, {**options, "method": method}) if data is None else ({**data, "method": method}, options)


@pytest.mark.parametrize("form", FORMS, ids=["options", "plain", "params"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_a_kept_connection_that_died_is_replaced_for_what_may_be_repeated(
    play: Play, engine: str, method: str, form: tuple[Any, dict[str, Any]]
) -> None:
    server = play([answer(b"1"), "close"], [answer(b"2" if method != "HEAD" else b"")])
    data, options = with_method(form, method)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request(None) == b"1"
        assert await client.request(data, **options) == (b"" if method == "HEAD" else b"2")
    assert len(server.requests) == 3


@pytest.mark.parametrize("form", FORMS, ids=["options", "plain", "params"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "other"])
async def test_a_kept_connection_that_died_is_an_error_for_what_may_not(
    play: Play, engine: str, method: str, form: tuple[Any, dict[str, Any]]
) -> None:
    server = play([answer(b"1"), "close"], [answer(b"2")])
    data, options = with_method(form, method)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request(None) == b"1"
        error = await failure(client, data, **options)
        assert (type(error), error.phase, error.sent) == (ConnectionLost, "headers", "full")
    assert len(server.requests) == 2


async def test_a_dead_connection_is_replaced_once(play: Play, engine: str) -> None:
    server = play([answer(b"1"), "close"], ["close"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request(None) == b"1"
        assert type(await failure(client)) is ConnectionLost
    assert len(server.requests) == 3


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_closed_while_idle_is_never_handed_out(play: Play, engine: str, method: str) -> None:
    server = play([[answer(b"1"), "close"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for _ in range(3):
            assert await client.request(None, method=method) == b"1"
            assert await eventually(server.connections[-1].ended.is_set)
    assert len(server.connections) == 3


async def test_an_answer_broken_in_its_body_is_not_asked_for_again(play: Play, engine: str) -> None:
    server = play([answer(b"1"), [HEAD + b"half", "close"]], [answer(b"2")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request(None) == b"1"
        assert (await failure(client)).phase == "body"
    assert len(server.requests) == 2


async def test_max_keepalive_0_keeps_no_connection(play: Play, engine: str) -> None:
    server = play([answer(b"1")])
    async with Pynector(base_url=server.url, http_engine=engine, max_keepalive=0) as client:
        for count in (1, 2):
            assert await client.request(None) == b"1"
            assert await eventually(server.connections[-1].ended.is_set)
            assert len(server.connections) == count


async def test_an_idle_connection_expires(play: Play, engine: str) -> None:
    server = play([answer(b"1"), answer(b"not this one")], [answer(b"2")])
    async with Pynector(base_url=server.url, http_engine=engine, keepalive_expiry=SHORT) as client:
        assert await client.request(None) == b"1"
        await anyio.sleep(SHORT * 2)
        assert await client.request(None) == b"2"


# Cancellation and the end


async def test_a_cancelled_request_frees_its_connection(play: Play, engine: str) -> None:
    server = play(["hang"], [[HEAD, "hang"]], [answer(b"next")])
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1) as client:
        for count in (1, 2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.request, None)
                assert await eventually(lambda: len(server.requests) >= count)  # noqa: B023
                tasks.cancel_scope.cancel()
            assert await eventually(server.connections[count - 1].ended.is_set)
        assert await client.request(None) == b"next"


async def test_cancelling_while_connecting_frees_the_slot(deaf: str, play: Play, engine: str) -> None:
    server = play([answer(b"ok")])
    async with Pynector(http_engine=engine, max_connections=1) as client:
        with anyio.move_on_after(SHORT):
            await client.request({"url": deaf})
        assert await client.request({"url": server.url}) == b"ok"


async def test_cancelling_a_request_that_waits_for_a_connection_disturbs_nobody(play: Play, engine: str) -> None:
    go = threading.Event()
    server = play([[go, answer(b"1")], answer(b"2")])
    answers = []
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1) as client:
        async with anyio.create_task_group() as tasks:

            async def first() -> None:
                answers.append(await client.request(None))

            tasks.start_soon(first)
            assert await eventually(lambda: server.requests)
            with anyio.move_on_after(SHORT):
                await client.request({"path": "/never-sent"})
            go.set()
        assert [*answers, await client.request(None)] == [b"1", b"2"]
    assert b"never-sent" not in server.received


async def test_waiting_for_a_connection_does_not_count_as_the_request_s_time(
    server: LoopbackServer, engine: str
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1, timeout=2.5) as client:
        answers = await client.batch_request([({"path": "/delay/0.5"}, {})] * 6)
    assert answers == [b"0.5"] * 6


async def test_closing_the_client_ends_what_is_in_flight(play: Play, engine: str) -> None:
    server = play(["hang"])
    client = Pynector(base_url=server.url, http_engine=engine)
    errors = []
    async with anyio.create_task_group() as tasks:

        async def hanging() -> None:
            errors.append(await failure(client))

        tasks.start_soon(hanging)
        assert await eventually(lambda: server.requests)
        await client.aclose()
    assert [(type(error), error.transient) for error in errors] == [(TransportError, False)]
    assert "the client was closed before the answer came" in str(errors[0])
    assert await eventually(server.connections[0].ended.is_set)


async def test_a_closed_client_connects_again(play: Play, engine: str) -> None:
    server = play([answer(b"1")], [answer(b"2")])
    client = Pynector(base_url=server.url, http_engine=engine)
    assert await client.request(None) == b"1"
    await client.aclose()
    await client.aclose()
    assert await eventually(server.connections[0].ended.is_set)
    assert await client.request(None) == b"2"
    await client.aclose()


@pytest.mark.parametrize("value", ["close", "Close", "x-other, close"])
@pytest.mark.parametrize("where", ["client", "request"])
async def test_a_request_that_closes_its_connection_does_so(play: Play, engine: str, value: str, where: str) -> None:
    server = play([answer(), answer()])
    headers = {"Connection": value}
    async with Pynector(
        base_url=server.url, http_engine=engine, headers=headers if where == "client" else {}
    ) as client:
        for _ in range(2):
            request = {"method": "POST", "path": "/", "json": 1, "headers": headers if where == "request" else {}}
            assert await client.request(request) == b"ok"
    assert len(server.connections) == 2


async def test_a_connection_that_is_reset_at_once_is_lost_and_no_riddle(engine: str) -> None:
    # What a loop says of a socket that is gone before anything is asked of it differs.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        stop = threading.Event()

        def slam() -> None:
            while True:
                connection, _ = listener.accept()
                if stop.is_set():
                    connection.close()
                    return
                with connection, contextlib.suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        slamming = threading.Thread(target=slam)
        slamming.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            async with Pynector(base_url=url, http_engine=engine) as client:
                errors = await client.batch_request([({"method": "POST", "path": "/"}, {})] * 300)
        finally:
            stop.set()
            with socket.create_connection(listener.getsockname()):
                slamming.join(20)
    assert {(type(error), error.transient) for error in errors} <= {(ConnectionLost, True), (ConnectError, True)}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_is_not_used_past_the_time_its_server_keeps_it(play: Play, engine: str, method: str) -> None:
    server = play(
        [answer(b"first", "200 OK", "Keep-Alive: timeout=1, max=100"), answer(b"too late")], [answer(b"next")]
    )
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"path": "/"}) == b"first"
        assert await client.request({"method": method, "path": "/"}) == b"next"
    assert len(server.connections) == 2
