"""When the requests of `pynector load` start, and how long they took from when they were meant to."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import anyio

from .latencies import Latencies

Entry = tuple[dict[str, Any], dict[str, Any]]

# Whoever waits for the next request sleeps so long at least (seconds): the timers of event loops are no finer, and a
# loop that never sleeps would take the processor from a server on this machine.
TICK = 0.001

# A request that starts no later than this is in time (seconds): so late may a timer be without any fault of the server.
IN_TIME = 0.002

# Of a rate that is kept, the end may be this late (seconds), or by a hundredth.
MOMENT = 0.1


@dataclass(frozen=True)
class Plan:
    """What is to be sent.

    Attributes:
        rate: Requests a second, or None for as many as there are answers.
        window: How many may be in flight.
        warm_up: Seconds at the beginning that do not count.
        seconds: How long it goes on after that, or None.
        count: How many requests there are after that, or None.
    """

    rate: float | None
    window: int
    warm_up: float
    seconds: float | None
    count: int | None


class Pace:
    """Gives entries when they are to start.

    At a rate the plan is kept whatever the answers do: what a slow moment of the server, or of this machine, keeps from
    starting is sent as soon as that is possible, and its time counts from when it was meant to start. So the rates of
    batches, which forget what they missed, are of no use here.

    Args:
        plan: What is to be sent.
        entry: What is sent each time.
        latencies: Takes how long those took that count: from when they were meant to start, at a rate.

    Attributes:
        first: The number of the first request that counts; None as long as there is none.
        begun: How many have started.
        held: How many of those that count started late because as many as may be were in flight.
        late: How many of them started late otherwise: this machine is too slow.
        worst: By how much the latest of them was late, in seconds.
        busy: The share of the time that this process was at work, known at the end.
        missed: How many of them were due, and had no time left to start.
        in_time: How many of those that count ended before the time was over.
    """

    def __init__(self, plan: Plan, entry: Entry, latencies: Latencies) -> None:
        self._plan = plan
        self._entry = entry
        self._latencies = latencies
        self._began = time.perf_counter()
        self._over = math.inf
        self._was_stopped = False
        self._last_start = 0.0
        self._last_end = 0.0
        self._ended = 0
        # When as many as may be were in flight for the last time.
        self._full_until = 0.0
        self._cpu = 0.0
        self.first: int | None = None
        self.begun = self.held = self.late = self.missed = self.in_time = 0
        self.worst = self.busy = 0.0

    def entries(self) -> Iterator[Entry] | AsyncIterator[Entry]:
        """Return the entries. The time begins now."""
        plan = self._plan
        self._began = self._last_start = self._last_end = time.perf_counter()
        self._cpu = time.process_time()
        if plan.seconds is not None:
            self._over = self._began + plan.warm_up + plan.seconds
        return self._as_answers_come() if plan.rate is None else self._at(plan.rate)

    def _as_answers_come(self) -> Iterator[Entry]:
        counts_from = self._began + self._plan.warm_up
        last = math.inf
        while True:
            now = time.perf_counter()
            if now >= counts_from and self.first is None:
                self.first = self.begun
                last = math.inf if self._plan.count is None else self.first + self._plan.count
            if self.begun >= last or now >= self._over:
                return
            self._start(now)
            yield self._entry

    async def _at(self, rate: float) -> AsyncIterator[Entry]:
        plan = self._plan
        self.first = math.ceil(plan.warm_up * rate)
        last = self.first + (math.ceil(plan.seconds * rate) if plan.seconds is not None else plan.count or 0)
        for number in range(last):
            due = self._began + number / rate
            now = time.perf_counter()
            while now < due:
                await anyio.sleep(max(due - now, TICK))
                now = time.perf_counter()
            if now >= self._over:
                self.missed = last - max(number, self.first)
                return
            if now - due > IN_TIME and number >= self.first:
                self._start_late(due, now)
            self._start(now)
            yield self._entry

    def _start(self, now: float) -> None:
        self._last_start = now
        self.begun += 1

    def _start_late(self, due: float, now: float) -> None:
        self.worst = max(self.worst, now - due)
        if self._full_until > due:
            self.held += 1
        else:
            self.late += 1

    def note(self, number: int, started: float, ended: float) -> None:
        """Take how long a request took; see Meter."""
        if self.begun - self._ended == self._plan.window:
            self._full_until = ended
        self._ended += 1
        if self.first is None or number < self.first:
            return
        rate = self._plan.rate
        if rate is not None:
            due = self._began + number / rate
            if started - due > IN_TIME:
                started = due
        self._latencies.add(ended - started)
        self._last_end = ended
        if ended <= self._over:
            self.in_time += 1

    def counts(self, number: int) -> bool:
        """Say whether a request is none of the warm-up."""
        return self.first is not None and number >= self.first

    def finish(self) -> None:
        """Take note that all have ended, or none will any more."""
        self.busy = (time.process_time() - self._cpu) / max(1e-9, time.perf_counter() - self._began)

    def stop(self) -> None:
        """Take note that it is broken off now."""
        self._over = now = time.perf_counter()
        self._was_stopped = True
        if self._plan.rate is not None and self.first is not None:
            self.missed = max(0, int((now - self._began) * self._plan.rate) - max(self.begun, self.first))

    # What came of it

    @property
    def seconds(self) -> float:
        """How long it took, without the warm-up, and without the wait for the last answers where it was for a time."""
        if self._plan.seconds is not None and not self._was_stopped:
            return self._plan.seconds
        end = self._over if self._was_stopped else self._last_end
        return max(0.0, end - self._began - self._plan.warm_up)

    @property
    def answered(self) -> float:
        """How many requests ended a second."""
        return self.in_time / self.seconds if self.seconds else 0.0

    @property
    def sent(self) -> float:
        """How many requests started a second of those that were due at a rate."""
        rate, number = self._plan.rate, self._number
        if rate is None or not number:
            return 0.0
        return number / ((number + self.missed) / rate + (0.0 if self.missed else self._lag))

    @property
    def is_kept(self) -> bool:
        """Whether the rate, if there is one, was kept: nothing was due at the end for longer than a moment."""
        if self._plan.rate is None:
            return True
        return self._lag <= max(MOMENT, 0.01 * (self._number + self.missed) / self._plan.rate)

    @property
    def _number(self) -> int:
        """How many have started that count."""
        return 0 if self.first is None else max(0, self.begun - self.first)

    @property
    def _lag(self) -> float:
        """How far the last one was behind the plan, or what was never sent, in seconds."""
        assert self._plan.rate is not None
        if self.missed:
            return self.missed / self._plan.rate
        return max(0.0, self._last_start - self._began - (self.begun - 1) / self._plan.rate)
