"""`pynector bench`: Pynector and other clients in turn against one URL, at several limits."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio

from .._version import __version__
from ..client import Pynector
from ..errors import PynectorError
from ..testing import LoopbackServer
from ..transport import get_transport_factory_registry
from ..transport.http.options import HTTPOptions
from ..transport.http.urls import parse_url, without_secrets
from .clients import CLIENTS, Client, PynectorClient, installed
from .info import build, event_loop, installed_version, python
from .installed import has
from .meter import Meter
from .screen import Screen, Show
from .streams import complain
from .targets import refusal, target_of
from .turns import Turns

PATH = "/bytes/1024"
ROUNDS = 3

# Past its time a turn waits so long for answers (seconds); what has not come by then is an error.
GRACE = 5.0

# What a client is given before its first turn, for its connections.
WARM_UP = 0.1

COLUMNS = ("limit", "client", "requests/s", "p50 ms", "p99 ms", "CPU us", "errors")
SLOW = ("niquests", "aiometer")
"""Left out unless asked for by name: the one is httpx again, the other as slow."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        url: Where the requests go, or None for a server of the command's own.
        limits: How many requests may be in flight at a time.
        seconds: How long all turns take together, about.
        most: The most requests of a turn.
        names: The clients, or None for those that are installed but SLOW.
        is_allowed: Whether the URL may be another machine's.
    """

    url: str | None
    limits: Sequence[int]
    seconds: float
    most: int
    names: Sequence[str] | None
    is_allowed: bool = False


class _MeteredClient(PynectorClient):
    """Pynector's batches, with the time of each request taken at the transport."""

    async def start(self) -> None:
        factory = get_transport_factory_registry().get("http")
        options = {"base_url": self.url, "max_connections": self.in_flight, "keepalive_expiry": 600.0}
        self.meter = Meter(factory.create_transport(**options))
        self.stack.push_async_callback(self.meter.disconnect)
        self.client = await self.stack.enter_async_context(Pynector(transport=self.meter, enable_telemetry=False))

    async def turn(self, path: str, expected: bytes | None, seconds: float, most: int, turns: Turns) -> None:
        """Send batches for so many seconds, each as large as the rate so far lets end in time."""
        self.meter.seconds = []
        end = time.perf_counter() + seconds
        sent, count = 0, self.in_flight
        started = time.perf_counter()
        while count > 0:
            requests: list[Any] = [({"path": path}, {}) for _ in range(count)]
            left = end - time.perf_counter() + GRACE
            answers = await self.client.batch_request(requests, max_concurrency=self.in_flight, timeout=left)
            _judge(answers, expected, turns)
            sent += count
            now = time.perf_counter()
            affordable = int(sent / (now - started) * (end - now))
            count = min(most - sent, affordable) if affordable >= self.in_flight else 0
        turns.latencies += self.meter.seconds


def run(screen: Screen, plan: Plan, plot: Path | None, as_json: Path | None) -> int:
    """Run the comparison and give the exit status.

    Args:
        screen: Where to print.
        plan: What is to be measured.
        plot: Where to write a picture, or None.
        as_json: Where to write the figures, or None.
    """
    if plot is not None:
        from .plot import draw, obstacle

        problem = obstacle(plot)
        if problem is not None:
            screen.line(f"--plot: {problem}")
            return 2
    if plan.url is not None:
        try:
            refused = refusal(target_of(parse_url(plan.url), HTTPOptions({}, "pynector")), plan.is_allowed)
        except OSError as error:
            complain(f"{without_secrets(plan.url)}: {error.strerror or error}")
            return 1
        if refused is not None:
            complain(refused)
            return 2
    kinds, missing = _clients(plan.names)
    with ExitStack() as stack:
        if plan.url is None:
            server = stack.enter_context(LoopbackServer())
            url, said = server.url + PATH, "the bundled server, 1 KiB an answer"
        else:
            url = said = plan.url
        screen.line(f"Pynector {__version__} ({build()}), {python()}, {event_loop()}, {os.cpu_count()} CPUs")
        screen.line(f"Server: {said}")
        for name in missing:
            screen.line(f"{name} is not installed: left out")
        unreachable = anyio.run(_obstacle, url)
        if unreachable is not None:
            screen.line(f"Nothing can be measured there: {unreachable}")
            return 1
        screen.line()
        total = len(plan.limits) * ROUNDS * (len(kinds) + 1)
        with screen.progress("turns", total) as show:
            rows = anyio.run(_measure, plan, url, kinds, show, backend_options={"use_uvloop": has("uvloop")})
    return _conclude(screen, rows, said, plot and (lambda about: draw(rows, about, plot)), as_json)


async def _obstacle(url: str) -> PynectorError | None:
    """Return what keeps requests from being answered at a URL; an answer with an error is one."""
    async with Pynector(enable_telemetry=False) as client:
        try:
            await client.request({"method": "GET", "url": url}, raise_for_status=False)
        except PynectorError as error:
            return error
    return None


def _clients(names: Sequence[str] | None) -> tuple[list[type[Client]], list[str]]:
    wanted = [kind for kind in CLIENTS if (kind.name not in SLOW if names is None else kind.name in names)]
    return installed(wanted)


async def _measure(plan: Plan, url: str, kinds: Sequence[type[Client]], show: Show) -> list[Turns]:
    """Give every client its turns at each limit, round after round."""
    parts = urlsplit(url)
    base, path = f"{parts.scheme}://{parts.netloc}", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    seconds = plan.seconds / (len(plan.limits) * ROUNDS * (len(kinds) + 1))
    expected = b"" if plan.url is None else None
    rows: list[Turns] = []
    done = 0
    for limit in plan.limits:
        async with AsyncExitStack() as stack:
            clients: list[Client] = []
            everyone: list[type[Client]] = [_MeteredClient, *kinds]
            for kind in everyone:
                client = kind(base, limit, None)
                stack.push_async_callback(client.stack.aclose)
                await client.start()
                clients.append(client)
            at_limit = [Turns(client.name, limit) for client in clients]
            if expected is not None:
                expected = await clients[0].one("GET", path, None)()
            for client, turns in zip(clients, at_limit, strict=True):
                await _turn(client, path, None, WARM_UP, plan.most, Turns(turns.client, limit))
            for _ in range(ROUNDS):
                for client, turns in zip(clients, at_limit, strict=True):
                    await _turn(client, path, expected, seconds, plan.most, turns)
                    done += 1
                    show(done)
        rows += at_limit
    return rows


async def _turn(client: Client, path: str, expected: bytes | None, seconds: float, most: int, turns: Turns) -> None:
    before, failed = len(turns.latencies), turns.errors
    started, cpu = time.perf_counter(), time.process_time()
    if isinstance(client, _MeteredClient):
        await client.turn(path, expected, seconds, most, turns)
    else:
        await _drain(client, path, expected, seconds, most, turns)
    elapsed = time.perf_counter() - started
    turns.cpu += time.process_time() - cpu
    turns.rates.append((len(turns.latencies) - before - (turns.errors - failed)) / elapsed)


async def _drain(client: Client, path: str, expected: bytes | None, seconds: float, most: int, turns: Turns) -> None:
    """Send from as many tasks as the limit allows until the time is over."""
    one = client.one("GET", path, None)
    end = time.perf_counter() + seconds
    tickets = iter(range(most))

    async def work() -> None:
        for _ in tickets:
            started = time.perf_counter()
            if started >= end:
                return
            answer: Any
            try:
                answer = await one()
            except Exception as error:
                # Whatever a client may raise is a failed request.
                answer = error
            turns.latencies.append(time.perf_counter() - started)
            _judge([answer], expected, turns)

    tasks = [asyncio.ensure_future(work()) for _ in range(client.in_flight)]
    _, late = await asyncio.wait(tasks, timeout=seconds + GRACE)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    turns.latencies += [GRACE] * len(late)
    turns.errors += len(late)


def _judge(answers: Sequence[Any], expected: bytes | None, turns: Turns) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            said = f"{type(answer).__name__}: {answer}"
        elif expected is not None and answer != expected:
            said = "an answer was not what the server sends"
        else:
            continue
        turns.errors += 1
        turns.problem = turns.problem or f"{turns.client}: {said}"


def _conclude(screen: Screen, rows: Sequence[Turns], said: str, draw: Any, as_json: Path | None) -> int:
    screen.line()
    screen.table(COLUMNS, [turns.row() for turns in rows])
    own = {turns.limit: turns.rate for turns in rows if turns.client == "pynector"}
    names = list(dict.fromkeys(turns.client for turns in rows))
    retention = {name: _retention([turns for turns in rows if turns.client == name]) for name in names}
    compared = []
    for name in names:
        rates = {turns.limit: turns.rate for turns in rows if turns.client == name}
        ratios = [own[limit] / rate for limit, rate in rates.items() if rate]
        times = " ".join(f"{ratio:.2f}" for ratio in ratios)
        kept = retention[name]
        compared.append((name, "-" if kept is None else f"{kept:.2f}", times or "-"))
    screen.line("Retention is requests/s at the highest limit over that at the lowest;")
    screen.line("beside it Pynector's requests/s divided by the client's, a figure a limit.")
    screen.table(("client", "retention", "Pynector is faster by"), compared)
    about = {
        "pynector": __version__,
        "build": build(),
        "python": python(),
        "loop": event_loop(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "server": said,
        "versions": {name: installed_version(name) for name in names if name != "pynector"},
    }
    if as_json is not None:
        figures = {"machine": about, "rows": [turns.figures() for turns in rows], "retention": retention}
        as_json.write_text(json.dumps(figures, indent=1) + "\n")
        screen.line(f"Figures: {as_json}")
    if draw is not None:
        screen.line(f"Picture: {draw(about)}")
    problem = next((turns.problem for turns in rows if turns.problem), None)
    if problem is not None:
        screen.line(f"The first problem: {problem}")
    return 1 if any(turns.errors for turns in rows if turns.client == "pynector") else 0


def _retention(turns: Sequence[Turns]) -> float | None:
    least, most = min(turns, key=lambda t: t.limit), max(turns, key=lambda t: t.limit)
    return round(most.rate / least.rate, 2) if least.rate else None
