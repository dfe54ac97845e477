"""The workloads of the comparison."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .peers import PLAIN, Form

VALUE = {"id": 7, "name": "pynector"}

# What an upload sends (bytes).
MEGABYTE = bytes(number % 251 for number in range(1_000_000))


@dataclass(frozen=True)
class Workload:
    """A row of the comparison.

    Attributes:
        name: What it is called in reports.
        count: How many requests.
        in_flight: How many at a time.
        bars: What Pynector's figure should be, divided by each peer's, by the peer's name: at least, or at most where
            less is better.
        method: GET, or POST of `value`.
        body: Which body of the server: "small", "large", "answer" or another of its paths.
        form: What the requests carry beside.
        origins: How many origins they go to, by absolute URL; 0: to one, by path.
        kind: "batch", "loop" (one request after the other), "tasks" (a request from each of many tasks), "streams" (the
            same, and answers are read while they come) or "open" (at a rate, whatever the answers do).
        rate: Requests a second of an "open" one.
        tls: Whether it is over TLS.
        http2: Whether it is over HTTP/2, which is over TLS 1.3 here.
        value: What a POST sends: bytes, or JSON.
        figure: What is compared: "requests/s"; or "cpu us" or "p99 ms" a request, of which less is better.
    """

    name: str
    count: int
    in_flight: int
    bars: dict[str, float]
    method: str = "GET"
    body: str = "small"
    kind: str = "batch"
    tls: bool = False
    http2: bool = False
    form: Form = PLAIN
    origins: int = 0
    value: Any = field(default_factory=lambda: VALUE)
    figure: str = "requests/s"
    rate: int = 0


def _bars(floor: float, pyreqwest: float, aiohttp: float, httpx2: float, wreq: float | None = None) -> dict[str, float]:
    bars = {"floor": floor, "pyreqwest": pyreqwest, "aiohttp": aiohttp, "httpx2": httpx2}
    return bars if wreq is None else {**bars, "wreq": wreq}


def _of(wreq: float, pyreqwest: float, aiohttp: float, floor: float | None = None) -> dict[str, float]:
    bars = {"wreq": wreq, "pyreqwest": pyreqwest, "aiohttp": aiohttp}
    return bars if floor is None else {"floor": floor, **bars}


def _http2(wreq: float, pyreqwest: float, httpx2: float, floor: float | None = None) -> dict[str, float]:
    bars = {"wreq": wreq, "pyreqwest": pyreqwest, "httpx2": httpx2}
    return bars if floor is None else {"floor": floor, **bars}


# The first takes the place of a default.
HEADERS = {"Accept": "application/json", "X-Request-ID": "7c0e3a52", "X-Tenant": "example"}


WORKLOADS = [
    Workload(
        "batch, 10,000 GET with params, headers, timeout, as_response",
        10_000,
        100,
        _of(2, 2.8, 7, 0.75),
        form=Form(HEADERS, page=True, timeout=20, as_response=True),
    ),
    Workload(
        "batch, 10,000 POST of a small JSON with headers",
        10_000,
        100,
        _of(1.8, 2.8, 7, 0.9),
        "POST",
        "answer",
        form=Form(HEADERS),
    ),
    Workload("batch, 10,000 GET by absolute URL over 50 origins", 10_000, 100, _of(1.6, 2.2, 7), origins=50),
    Workload("batch, 10,000 HEAD", 10_000, 100, _of(2, 2.2, 6), "HEAD"),
    Workload("batch, 10,000 GET of 11 KB of JSON, gzip", 10_000, 100, _of(1.5, 2.2, 4), body="packed"),
    Workload("batch, 10,000 GET that are redirected once", 10_000, 100, _of(1.5, 2, 7), body="moved"),
    Workload("stream() of 1 KiB from 100 tasks", 10_000, 100, _of(1, 1.3, 4), kind="streams"),
    Workload("stream() of 16 MB from 4 tasks", 60, 4, _of(1, 1.15, 2), body="large", kind="streams"),
    Workload(
        "CPU of uploads of 1 MB, 8 in flight (less is better)",
        200,
        8,
        _of(1, 0.9, 0.6),
        "POST",
        "upload",
        value=MEGABYTE,
        figure="cpu us",
    ),
    Workload(
        "p99 at 5,000 requests/s (less is better)",
        10_000,
        100,
        {"wreq": 1, "pyreqwest": 1},
        kind="open",
        rate=5_000,
        figure="p99 ms",
    ),
    Workload("batch, 20,000 GET of 1 KiB, 100 in flight", 20_000, 100, _bars(0.90, 1.8, 4, 25, 2)),
    Workload("batch, 20,000 GET of 1 KiB, 1,000 in flight", 20_000, 1_000, _bars(0.90, 1.6, 6, 25, 2)),
    Workload(
        "batch, 10,000 POST of a small JSON, 100 in flight", 10_000, 100, _bars(0.60, 3, 8, 40, 2), "POST", "answer"
    ),
    Workload("request() in a plain loop", 3_000, 1, _bars(0.85, 1.5, 1.8, 4), kind="loop"),
    Workload("request() from 100 tasks", 10_000, 100, _bars(0.65, 1.2, 3, 15), kind="tasks"),
    Workload("batch, 60 GET of 16 MB, 4 in flight", 60, 4, _bars(1.5, 1.3, 1.5, 2, 2), body="large"),
    Workload("batch, 10,000 GET of 1 KiB over TLS, 100 in flight", 10_000, 100, _bars(0.80, 0.95, 3, 15, 2), tls=True),
    Workload("batch, 20,000 GET of 1 KiB over HTTP/2, 100 in flight", 20_000, 100, _http2(2, 2.5, 40, 0.6), http2=True),
    Workload(
        "batch, 10,000 GET with params, headers, as_response over HTTP/2",
        10_000,
        100,
        _http2(1.8, 2.2, 30),
        http2=True,
        form=Form(HEADERS, page=True, as_response=True),
    ),
    Workload(
        "batch, 10,000 POST of a small JSON over HTTP/2, 100 in flight",
        10_000,
        100,
        _http2(0.95, 1.1, 15, 0.7),
        "POST",
        "answer",
        http2=True,
    ),
    Workload(
        "stream() of 1 KiB over HTTP/2 from 100 tasks", 10_000, 100, _http2(1, 1.3, 10), kind="streams", http2=True
    ),
    Workload("batch, 40 GET of 16 MB over HTTP/2, 4 in flight", 40, 4, _http2(0.9, 0.9, 2), body="large", http2=True),
]
