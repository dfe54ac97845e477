"""What scenarios are made of: servers, a client on one of its transports and engines, and what is done with it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from own import Exchanging, Serial, Submitting

from pynector import Pynector

# A carrier is a transport, and its engine where it has several.
HTTP = ("native", "httpx")
WEBSOCKET = ("websocket",)
# A user's own transports, of both kinds that a coroutine drives.
OWN = ("serial", "exchange", "submit")


# How long a request may take (seconds): on any machine longer than it needs.
TIMEOUT = 8.0


@dataclass(frozen=True)
class Servers:
    """The servers' URLs: HTTP and WebSocket, in clear text and over TLS, and the file of the authority to trust."""

    http: str
    https: str
    ws: str
    wss: str
    authority: str


@dataclass
class Stage:
    """What a scenario runs on.

    Attributes:
        servers: The servers.
        mark: A number that no other run has: no answer of another run is right.
        trip: What the caller's own code calls, which may fail.
        client: The client.
    """

    servers: Servers
    mark: int
    trip: Callable[[], object]
    client: Pynector = field(init=False)

    @property
    def path(self) -> str:
        """A path whose answer is the mark."""
        return f"/id/{self.mark}"


def over_tls(stage: Stage) -> Mapping[str, Any]:
    """Return the options of a client over TLS whose authority is read anew."""
    os.utime(stage.servers.authority)
    return {"verify": stage.servers.authority}


Act = Callable[[Stage], Awaitable[tuple[Any, Any]]]
Options = Callable[[Stage], Mapping[str, Any]]


async def _nothing(stage: Stage) -> None:
    pass


def _no_options(stage: Stage) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Scenario:
    """One of them.

    Attributes:
        name: Its name.
        act: What is disturbed.
        carriers: What it runs on.
        options: The client's options beside those of the carrier.
        before: What is done before, undisturbed.
        probe: The next request.
        late: Errors beside a TimeoutError that it may end with when the time is over.
        closes: Whether it closes the client.
        ends_late: Whether there are failures that only its timeout can end it for.
    """

    name: str
    act: Act
    carriers: tuple[str, ...]
    options: Options = _no_options
    before: Callable[[Stage], Awaitable[Any]] = _nothing
    probe: Act | None = None
    late: tuple[type[BaseException], ...] = ()
    closes: bool = False
    ends_late: bool = False

    def make_client(self, carrier: str, stage: Stage) -> Pynector:
        """Return a client for it, not connected."""
        return Pynector(**{"timeout": TIMEOUT, **CARRIERS[carrier](stage), **self.options(stage)})


CARRIERS: dict[str, Options] = {
    "native": lambda stage: {"base_url": stage.servers.http, "http_engine": "native", "trust_env": False},
    "httpx": lambda stage: {"base_url": stage.servers.http, "http_engine": "httpx", "trust_env": False},
    "websocket": lambda stage: {
        "transport_type": "websocket",
        "url": f"{stage.servers.ws}/echo",
        "trust_env": False,
        # Or the end of a connection would be waited for.
        "reconnect_delay": 0.001,
    },
    "serial": lambda stage: {"transport": Serial(stage.trip)},
    "exchange": lambda stage: {"transport": Exchanging(stage.trip)},
    "submit": lambda stage: {"transport": Submitting(stage.trip)},
}

SCENARIOS: list[Scenario] = []


def scenario(*carriers: str, **more: Any) -> Callable[[Act], Act]:
    """Put a function into the table."""

    def register(act: Act) -> Act:
        SCENARIOS.append(Scenario(getattr(act, "__name__", ""), act, carriers, **more))
        return act

    return register


# The next request


async def answers_path(stage: Stage) -> tuple[Any, Any]:
    return await stage.client.request({"path": stage.path}), str(stage.mark).encode()


async def answers_message(stage: Stage) -> tuple[Any, Any]:
    return await stage.client.request(str(stage.mark)), str(stage.mark).encode()


async def answers_call(stage: Stage) -> tuple[Any, Any]:
    call = {"jsonrpc": "2.0", "method": "add", "params": [stage.mark, 1]}
    return json.loads(await stage.client.request(call))["result"], stage.mark + 1


async def answers_object(stage: Stage) -> tuple[Any, Any]:
    answer = await stage.client.request(str(stage.mark))
    return (answer.decode() if isinstance(answer, bytes) else answer), str(stage.mark)


PROBES: dict[str, Act] = {
    "native": answers_path,
    "httpx": answers_path,
    "websocket": answers_message,
    "serial": answers_object,
    "exchange": answers_object,
    "submit": answers_object,
}


def runs(carrier: str) -> bool:
    """Say whether there is such a carrier."""
    return carrier != "native" or find_spec("httptools") is not None


def cannot_tell(how: str, carrier: str) -> bool:
    """Say whether a carrier may take the cancellation of its task for one of its own.

    Where a task group of AnyIO's is left, as when httpx has a connection, its tasks are cancelled: on Python 3.10
    nobody can tell the two apart.
    """
    return how == "cancel" and carrier in ("httpx", "exchange") and sys.version_info < (3, 11)
