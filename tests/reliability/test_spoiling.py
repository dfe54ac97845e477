"""A request ends as it would have, under its name, whatever becomes in flight of the objects that it was made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from itertools import product
from typing import Any

import anyio
import httpx
import pytest
from spoiling import spoil, spoil_given, telling
from stage import Servers

from loops import BACKENDS, ENGINES
from pynector import Pynector, PynectorError

pytestmark = pytest.mark.anyio

# How long anything may take (seconds). Nothing here takes a second, but where the machine pauses: more is to hang.
PATIENCE = 20.0

Options = dict[str, Any]
Way = Callable[[Pynector, Any, Options], Awaitable[Any]]


async def single(client: Pynector, data: Any, options: Options) -> Any:
    return await client.request(data, **options)


async def retry(client: Pynector, data: Any, options: Options) -> Any:
    return await client.request_with_retry(data, max_retries=2, retry_delay=0.001, **options)


async def stream(client: Pynector, data: Any, options: Options) -> Any:
    async with client.stream(data, **options) as response:
        return await response.read()


async def batch(client: Pynector, data: Any, options: Options) -> Any:
    return (await client.batch_request([(data, options)]))[0]


async def batch_in_time(client: Pynector, data: Any, options: Options) -> Any:
    timeout = options.pop("timeout", None)
    return (await client.batch_request([(data, options)], timeout=timeout))[0]


async def batch_stream(client: Pynector, data: Any, options: Options) -> Any:
    options["key"] = "its own"
    async with client.batch_stream([(data, options)]) as results:
        item = await anext(results)
        return [item.key, item.result, item.error]


MESSAGES: list[Way] = [single, batch, batch_in_time, batch_stream]
WAYS: list[Way] = [*MESSAGES, retry, stream]


async def _pieces() -> AsyncIterator[bytes]:
    for piece in (b"one", b"two"):
        await anyio.lowlevel.checkpoint()
        yield piece


BODIES: dict[str, Callable[[], Options]] = {
    "plain": dict,
    "json": lambda: {"method": "PUT", "json": {"a": [1, {"b": 2}]}},
    "form": lambda: {"method": "PUT", "data": {"a": ["1", "2"]}},
    "upload": lambda: {"method": "POST", "content": _pieces()},
}


class _Flow(httpx.Auth):
    """An auth flow, which the native engine leaves to the other one."""


# How a request ends: its path, its parameters, its options.
ENDS: dict[str, tuple[str, Options, Options]] = {
    "answered": ("/echo", {"a": [1, "2"]}, {}),
    "coded": ("/compressed/gzip", {"size": 100}, {}),
    "not valid": ("/headers", {"Content-Encoding": "gzip"}, {}),
    "refused": ("/status/404", {}, {}),
    "busy": ("/status/503", {}, {}),
    "lost": ("/close", {}, {}),
    "cut short": ("/truncate/1000", {}, {}),
    "too large": ("/bytes/5000", {}, {"max_response_bytes": 10}),
    "late": ("/hang", {}, {"timeout": 0.2}),
    "late in a flow": ("/hang", {}, {"timeout": 0.2, "auth": _Flow()}),
    "closed": ("/hang", {}, {}),
    "led on": ("/redirect/1", {"to": "/echo", "status": 307}, {}),
    "led to an end": ("/redirect/1", {"to": "/status/404"}, {}),
    "led into nothing": ("/redirect/1", {"to": "ftp://nothing"}, {}),
    "led round": ("/redirect/9", {}, {"max_redirects": 2}),
}
# Over WebSocket: the path of the server, the method that is called, the options.
CALLS: dict[str, tuple[str, str, Options]] = {
    "answered": ("/rpc", "add", {}),
    "late": ("/rpc", "hang", {"timeout": 0.2}),
    "closed": ("/rpc", "hang", {}),
    "lost": ("/close-after?after=0&code=1001", "add", {}),
}


# How far a request had come when it was ended from outside depends on the machine.
FROM_OUTSIDE = ("late", "late in a flow", "closed")


def told(outcome: Any, end: str) -> Any:
    """Return what a caller is told, so that it can be compared."""
    if isinstance(outcome, PynectorError):
        said = str(outcome), getattr(outcome, "phase", None), getattr(outcome, "sent", None)
        more = round(getattr(outcome, "seconds", None) or 0.0, 1) if end in FROM_OUTSIDE else said
        return type(outcome).__name__, outcome.request, more
    return [told(one, end) for one in outcome] if isinstance(outcome, list) else outcome


async def ended(client: Pynector, way: Way, data: Any, options: Options, spoilt: bool, end: str) -> Any:
    """Return how a request ends whose objects are spoilt, or not, once the transport has taken it.

    Args:
        client: Sends it.
        way: How.
        data: What it is made of.
        options: Its options.
        spoilt: Whether they are.
        end: How it is to end.
    """

    def take(given: Any, with_options: Mapping[str, Any]) -> None:
        taken.append(given)
        if spoilt:
            spoil_given(given, with_options)
            # Those of a batch's entry are the caller's.
            spoil(data)
            spoil(options)
        if end == "closed":
            tasks.start_soon(client.aclose)

    taken: list[Any] = []
    with ExitStack() as stack:
        stack.enter_context(telling(take))
        with anyio.fail_after(PATIENCE):
            async with client, anyio.create_task_group() as tasks:
                try:
                    outcome = await way(client, data, options)
                except PynectorError as error:
                    outcome = error
    assert taken, "nothing took the request"
    return told(outcome, end)


def cases() -> Iterator[Any]:
    """Give each way to ask on each engine and loop, and each way to end; of the bodies one, or all in the long form."""
    # Its servers speak HTTP/1.1.
    engines = [engine for engine in ENGINES if "http2" not in engine.values]
    for turn, (engine, way, end) in enumerate(product(engines, WAYS, ENDS)):
        loop, name = engine.values
        for number, body in enumerate(BODIES):
            marks = () if number == (turn + turn // len(ENDS)) % len(BODIES) else pytest.mark.exhaustive
            label = f"{engine.id}-{way.__name__}-{end}-{body}".replace(" ", "_")
            yield pytest.param(loop, name, way, body, end, marks=marks, id=label)


@pytest.mark.parametrize(("anyio_backend", "engine", "way", "body", "end"), list(cases()))
async def test_a_request_whose_objects_change_in_flight_ends_as_it_would_have(
    servers: Servers, engine: str, way: Way, body: str, end: str
) -> None:
    outcomes = []
    for spoilt in (False, True):
        path, params, options = ENDS[end]
        data = {"path": path, "params": deepcopy(params), "headers": {"X-Own": "1"}, **BODIES[body]()}
        given = {**options, "headers": {"X-More": "2"}} if end != "answered" else dict(options)
        # What is for another engine, the native one leaves to that only where it was not asked for by name.
        client = Pynector(base_url=servers.http, http_engine=engine.replace("native", "auto"), trust_env=False)
        outcomes.append(await ended(client, way, data, given, spoilt, end))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("end", CALLS)
@pytest.mark.parametrize("way", MESSAGES)
@pytest.mark.parametrize("anyio_backend", BACKENDS)
async def test_a_message_whose_objects_change_in_flight_ends_as_it_would_have(
    servers: Servers, way: Way, end: str
) -> None:
    outcomes = []
    for spoilt in (False, True):
        path, method, options = CALLS[end]
        data = {"jsonrpc": "2.0", "id": 1, "method": method, "params": [1, 2]}
        url = servers.ws + path
        client = Pynector(transport_type="websocket", url=url, correlation="id", trust_env=False, max_reconnects=0)
        outcomes.append(await ended(client, way, data, dict(options), spoilt, end))
    assert outcomes[0] == outcomes[1]
