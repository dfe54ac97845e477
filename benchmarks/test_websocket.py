"""Messages over one WebSocket connection, beside hand-written pipelined loops on other clients."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

import pytest

from pynector import Pynector

from .websocket_server import echoing

ROUNDS = 7
SIZE = 256
# The least that Pynector's message rate should be, divided by each client's, by how many are in flight.
BARS = {100: {"websockets": 1.3, "aiohttp": 1.0}, 1: {"websockets": 1.0, "aiohttp": 0.8}}

Exchange = Callable[[list[str], int], Awaitable[list[Any]]]


async def _pipelined(send: Any, receive: Any, messages: list[str], in_flight: int) -> list[Any]:
    """Keep so many in flight on one connection, in one task: the least a caller can write."""
    answers: list[Any] = []
    for message in messages[:in_flight]:
        await send(message)
    for message in messages[in_flight:]:
        answers.append(await receive())
        await send(message)
    while len(answers) < len(messages):
        answers.append(await receive())
    return answers


async def _pynector(url: str, stack: Any) -> Exchange:
    client = await stack.enter_async_context(Pynector(transport_type="websocket", url=url))

    async def run(messages: list[str], in_flight: int) -> list[Any]:
        requests: list[Any] = [(message, {}) for message in messages]
        return [answer.decode() for answer in await client.batch_request(requests, max_concurrency=in_flight)]

    return run


async def _websockets(url: str, stack: Any) -> Exchange:
    from websockets.asyncio.client import connect

    connection = await stack.enter_async_context(connect(url, compression=None, ping_interval=None))
    return lambda messages, in_flight: _pipelined(connection.send, connection.recv, messages, in_flight)


async def _aiohttp(url: str, stack: Any) -> Exchange:
    import aiohttp

    session = await stack.enter_async_context(aiohttp.ClientSession())
    connection = await stack.enter_async_context(session.ws_connect(url, compress=0))
    return lambda messages, in_flight: _pipelined(connection.send_str, connection.receive_str, messages, in_flight)


async def _picows(url: str, stack: Any) -> Exchange:
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

    class Listener(WSListener):
        def begin(self, messages: list[str], in_flight: int) -> asyncio.Future[list[Any]]:
            self.left = iter(messages)
            self.count = len(messages)
            self.answers: list[Any] = []
            self.done = asyncio.get_running_loop().create_future()
            for _ in range(min(in_flight, len(messages))):
                self.send()
            return self.done

        def on_ws_connected(self, transport: WSTransport) -> None:
            self.transport = transport

        def send(self) -> None:
            message = next(self.left, None)
            if message is not None:
                self.transport.send(WSMsgType.TEXT, message.encode())

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            self.answers.append(frame.get_payload_as_utf8_text())
            self.send()
            if len(self.answers) == self.count:
                self.done.set_result(self.answers)

    transport, listener = await ws_connect(Listener, url)
    stack.callback(transport.disconnect)
    return listener.begin


CLIENTS = {"pynector": _pynector, "websockets": _websockets, "aiohttp": _aiohttp, "picows": _picows}


@pytest.mark.parametrize("in_flight", BARS)
def test_websocket(benchmark: Any, loop: asyncio.AbstractEventLoop, in_flight: int) -> None:
    from contextlib import AsyncExitStack

    here = [name for name in CLIENTS if name == "pynector" or find_spec(name)]
    count = 10_000 if in_flight > 1 else 2_000
    messages = [f"{number:<{SIZE}}" for number in range(count)]

    async def measure(url: str) -> dict[str, tuple[float, float]]:
        """Messages/s and, because the server may be what limits them, microseconds of CPU a message."""
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in here}
        async with AsyncExitStack() as stack:
            exchanges = {name: await CLIENTS[name](url, stack) for name in here}
            for _ in range(ROUNDS):
                for name, exchange in exchanges.items():
                    busy, started = time.process_time(), time.perf_counter()
                    answers = await exchange(messages, in_flight)
                    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
                    found[name].append((count / seconds, cpu / count * 1e6))
                    assert answers == messages
        return {name: tuple(map(statistics.median, zip(*pairs, strict=True))) for name, pairs in found.items()}

    with echoing() as (server, url):
        measured = benchmark.pedantic(lambda: loop.run_until_complete(measure(url)), rounds=1)
    rates = {name: rate for name, (rate, _) in measured.items()}
    cpu = {name: round(cost, 1) for name, (_, cost) in measured.items()}
    ratios = {name: round(rates["pynector"] / rate, 2) for name, rate in rates.items() if name != "pynector"}
    benchmark.extra_info.update({"server": server, "messages/s": rates, "ratios": ratios, "us of CPU a message": cpu})
    bars = {name: f"{ratio} (>= {BARS[in_flight].get(name, '-')})" for name, ratio in ratios.items()}
    print(f"\n{in_flight} in flight, {server} server: {rates['pynector']:,.0f} messages/s, by client: {bars}")
    print(f"microseconds of CPU a message: {cpu}")
    for name in set(CLIENTS) - set(here):
        print(f"{name} is not installed: left out")
