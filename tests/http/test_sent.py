"""How much of a request had left, over all its hops, replays and attempts: "none" is a promise."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from scripted import ScriptedServer, answer

from pynector import ConnectError, Pynector, PynectorError, TimeoutError, TransportError

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio


@pytest.fixture
def refusing() -> Iterator[str]:
    """An address where connections are refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def moved(status: str, location: str) -> bytes:
    return answer(b"", status, f"Location: {location}")


async def failure_of(client: Pynector, request: dict[str, Any], how: str, **options: Any) -> PynectorError:
    """Send a request in one of the ways there are, and return what it failed with."""
    if how == "batch":
        (error,) = await client.batch_request([(request, options)])
        assert isinstance(error, PynectorError)
        return error
    with pytest.raises(PynectorError) as failed:
        await sent_by(client, request, how, **options)
    return failed.value


async def sent_by(client: Pynector, request: dict[str, Any], how: str, **options: Any) -> None:
    if how == "single":
        await client.request(request, **options)
    elif how == "stream":
        async with client.stream(request, **options):
            pass
    else:
        await client.request_with_retry(request, retry_delay=0.001, **options)


@pytest.mark.parametrize("how", ["single", "batch", "stream", "retry"])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_next_hop_that_refuses_does_not_unsay_the_first(
    play: Play, refusing: str, engine: str, status: str, how: str
) -> None:
    server = play([moved(status, f"{refusing}/next")] * 3)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        error = await failure_of(client, {"method": "POST", "path": "/", "json": 1}, how)
    assert isinstance(error, ConnectError)
    assert (error.phase, error.sent) == ("connect", "full")


@pytest.mark.parametrize("how", ["single", "batch", "stream", "retry"])
async def test_a_next_hop_that_hangs_does_not_unsay_the_first(play: Play, deaf: str, engine: str, how: str) -> None:
    server = play([moved("303 See Other", f"{deaf}/next")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        error = await failure_of(client, {"method": "POST", "path": "/", "json": 1}, how, timeout=0.5)
    assert isinstance(error, TimeoutError)
    assert error.sent == "full"


@pytest.mark.parametrize("how", ["single", "batch", "retry"])
@pytest.mark.parametrize("method", ["DELETE", "GET"])
async def test_a_replay_that_is_refused_does_not_unsay_the_first_try(
    play: Play, engine: str, method: str, how: str
) -> None:
    server = play()
    server.script([answer(), [server.refuse, "reset"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"path": "/first"}) == b"ok"
        error = await failure_of(client, {"method": method, "path": "/"}, how)
    assert isinstance(error, TransportError)
    assert error.sent in ("partial", "full")


async def test_an_attempt_that_is_refused_does_not_unsay_the_one_before(play: Play, engine: str) -> None:
    server = play()

    server.script([[server.refuse, answer(b"", "503 Busy", "Connection: close"), "close"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ConnectError) as failed:
            await client.request_with_retry({"method": "POST", "path": "/", "json": 1}, 2, 0.001)
    assert failed.value.sent == "full"


async def test_a_time_that_is_over_between_attempts_says_what_was_sent(play: Play, engine: str) -> None:
    server = play([answer(b"", "503 Busy")] * 5)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TransportError) as failed:
            await client.request_with_retry({"method": "POST", "path": "/", "json": 1}, 3, 0.001)
    assert failed.value.sent == "full"


async def test_what_was_never_sent_is_none(play: Play, refusing: str, engine: str) -> None:
    async with Pynector(base_url=refusing, http_engine=engine) as client:
        for how in ("single", "batch", "stream", "retry"):
            error = await failure_of(client, {"method": "POST", "path": "/", "json": 1}, how)
            assert isinstance(error, ConnectError)
            assert (error.phase, error.sent) == ("connect", "none")


async def test_what_closing_the_client_ends_says_how_far_it_came(play: Play, engine: str) -> None:
    arrived = threading.Event()
    server = play([[arrived.set, "hang"]])
    errors: list[Any] = []

    async def ask(client: Pynector, how: str) -> None:
        errors.append(await failure_of(client, {"method": "POST", "path": "/", "json": 1}, how))

    for how in ("single", "batch", "stream"):
        arrived.clear()
        client = Pynector(base_url=server.url, http_engine=engine)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client, how)
            while not arrived.is_set():  # noqa: ASYNC110 - set by another thread
                await anyio.sleep(0.005)
            await client.aclose()
    assert all(isinstance(error, TransportError) for error in errors)
    assert [(error.phase, error.sent) for error in errors] == [("headers", "full")] * 3
