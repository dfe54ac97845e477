"""Rounds of requests to a ledger server, each judged when it has ended."""

from __future__ import annotations

import contextlib
import gc
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import anyio

from leaks import no_more_than, present
from pynector import Pynector, TimeoutError, TransportError
from pynector.stats import Stats

from .book import Ledger
from .noise import noise
from .outcome import Outcome
from .server import LedgerServer

# The requests of the first round, and how many of any are in flight.
WARM_UP = 20
WINDOW = 60

# A round that has not ended by then never does; what is left of one goes away by then (seconds).
ROUND_PATIENCE = 120.0

# Nothing that a server does makes a round of no requests take longer than this (seconds), and a busy machine sends
# that many a second.
STALL = 60.0
SLOWEST = 20.0
PATIENCE = 20.0

# Who opens a client of a server that refuses some connections tries that often.
OPENINGS = 20


@dataclass
class Verdict:
    """What rounds came to.

    Attributes:
        counts: How many requests ended how.
        problems: What was wrong, in words.
        seconds: What it took.
        latencies: What each request took that was sent singly and always answered, in seconds.
    """

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{kind} {count}" for kind, count in self.counts.most_common())
        return f"{self.counts.total()} requests in {self.seconds:.1f} s: {counts}; problems: {len(self.problems)}"


class Trial(ABC):
    """A server, what it keeps, and what is wrong with its clients. It is a context manager.

    Args:
        seed: Decides what is sent and what the server does.
        replay: The command that plays one request again, before its key.

    Attributes:
        verdict: What the rounds so far came to.
        window: How many requests are in flight.
    """

    def __init__(self, seed: int, replay: str) -> None:
        self.seed = seed
        self.verdict = Verdict()
        self.window = WINDOW
        self._replay = replay
        self.ledger = Ledger()
        self.server = LedgerServer(self.ledger, self.scheme)

    def __enter__(self) -> Trial:
        with contextlib.ExitStack() as stack:
            stack.enter_context(noise(self._blame))
            stack.enter_context(self.server)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    # The protocol's

    scheme: str

    @abstractmethod
    def client(self, number: int) -> Pynector:
        """Return the client of a round: every other one has fewer places than there are requests."""

    @abstractmethod
    def call(self, key: int) -> Any:
        """Return what is sent for a key."""

    @abstractmethod
    async def send(self, client: Pynector, calls: list[Any], outcomes: dict[int, Outcome]) -> None:
        """Send requests, and keep what becomes of them."""

    @abstractmethod
    def judge(self, call: Any, outcome: Outcome) -> tuple[str, Iterator[str]]:
        """Return what became of a request in a word, and what is wrong with it."""

    def listens(self, number: int) -> bool:
        """Say whether the client of a round has telemetry."""
        return number % 4 in (0, 3)

    # Rounds

    async def run(self, keys: range, size: int) -> None:
        """Send requests in rounds of a size, each with a client of its own."""
        # What is made once in a process is no leak: that is made now.
        async with await self.opened(0) as client:
            await self.round(client, keys[:WARM_UP])
        for number, start in enumerate(range(keys.start + WARM_UP, keys.stop, size)):
            await self.round_of_its_own(number, range(start, min(keys.stop, start + size)))

    async def round_of_its_own(self, number: int, keys: range) -> None:
        """Open a client, send a round, close the client, and see what stays."""
        if not await self.server.quiet(closed=True):
            self._blame(f"a client was closed, and the server has {self.server.under_way()}")
        gc.collect()
        await anyio.wait_all_tasks_blocked()
        before = present()
        async with await self.opened(number) as client:
            await self.round(client, keys)
        if not await self.server.quiet(closed=True):
            self._blame(f"the client was closed, and the server has {self.server.under_way()}")
        if not await no_more_than(before):
            self._blame(f"descriptors and tasks were {before}, and are {present()}")

    async def opened(self, number: int) -> Pynector:
        """Return a client that is connected; its first connections may be refused."""
        for _ in range(OPENINGS):
            client = self.client(number)
            try:
                return await client.__aenter__()
            except TransportError:
                await client.aclose()
        raise AssertionError("no client could be opened")

    async def round(self, client: Pynector, keys: range) -> None:
        """Send requests through a client, wait until nothing is under way, and judge them."""
        started = time.monotonic()
        calls = [self.call(key) for key in keys]
        outcomes: dict[int, Outcome] = {}
        before = client.stats()
        with anyio.move_on_after(ROUND_PATIENCE) as scope:
            await self.send(client, calls, outcomes)
        took = time.monotonic() - started
        self.verdict.seconds += took
        if took > STALL + len(calls) / SLOWEST:
            self._blame(f"a round took {took:.1f} s; what came last:\n{self._latest(calls)}")
        if scope.cancelled_caught:
            self._blame(f"a round did not end in {ROUND_PATIENCE:g} s: {client.stats()}")
        if not await self.server.quiet():
            self._blame(f"all requests have ended, and the server has {self.server.under_way()}")
        await self._see_pool(client)
        self._see_count(before, client.stats(), list(outcomes.values()))
        for call in calls:
            self._judge(call, outcomes[call.key])
        self.verdict.problems += [self._told(said) for said in (*self.ledger.complaints, *self.server.errors)]
        self.ledger.complaints.clear()
        self.server.errors.clear()
        self.ledger.settle(keys[-1])

    def _latest(self, calls: list[Any]) -> str:
        arrivals = [arrival for call in calls for arrival in self.ledger.row(call.key).arrivals]
        arrivals.sort(key=lambda arrival: arrival.time)
        return "\n".join(f"  {arrival.key}: {arrival}" for arrival in arrivals[-5:])

    async def _see_pool(self, client: Pynector) -> None:
        """See that no connection is busy and nothing waits."""

        def is_idle() -> bool:
            stats = client.stats()
            return not (stats.in_flight or stats.queued or stats.connections.get("active"))

        if not await became(is_idle):
            self._blame(f"all requests have ended, and the client has {client.stats()}")

    def _see_count(self, before: Stats, after: Stats, outcomes: list[Outcome]) -> None:
        """See that the client counted each request once, by its own account; retries are counted, too."""
        ended = sum(not outcome.cancelled for outcome in outcomes)
        counted = (after.requests - before.requests) - (after.retries - before.retries)
        # Time may be over in the wait for a retry that is counted already.
        late = sum(isinstance(outcome.error, TimeoutError) for outcome in outcomes)
        if not ended - late <= counted <= ended:
            self._blame(f"{ended} requests ended, and the client counted {counted}: {before}, {after}")

    def _judge(self, call: Any, outcome: Outcome) -> None:
        kind, wrong = self.judge(call, outcome)
        self.verdict.counts[kind] += 1
        if outcome.elapsed is not None and not outcome.cancelled and not call.is_hasty:
            self.verdict.latencies.append(outcome.elapsed)
        for said in wrong:
            row = self.ledger.row(call.key)
            self._blame(f"{said}\n  {call}\n  {outcome}\nThe ledger:\n{row}\n{self._replay} --only {call.key}")

    def _blame(self, said: str) -> None:
        self.verdict.problems.append(self._told(said))

    def _told(self, said: str) -> str:
        return f"seed {self.seed}: {said}"


async def became(condition: Callable[[], object]) -> bool:
    """Wait until a condition is true; say whether it came to be."""
    # Without a deadline of its own: that would be one more timer where timers are counted.
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        gc.collect(1)
        await anyio.sleep(0.01)
    return True
