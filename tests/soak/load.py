"""What a soak sends: rounds of HTTP and of WebSocket beside each other, each judged by its ledger."""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

import anyio

from leaks import open_files
from ledger.cases import Case
from ledger.trial import Trial, became
from pynector import Pynector

from .samples import OWN_BLOCKS, Sample, percentile, resident

ROUND = 400

# Seconds between two samples.
INTERVAL = 5.0

# Where something is wrong, so many reports say it.
ENOUGH = 50


class Soak:
    """Load on several servers at a time.

    Args:
        loop: The loop it runs on.
        engines: What is sent with, HTTP engines and correlations of WebSocket; see ledger.cases.
        seed: Decides what happens.
        window: How many requests are in flight at a time, of each engine.
        tell: Told of each sample.

    Attributes:
        samples: What was measured.
        problems: What was wrong.
        counts: How many requests of each engine ended how.
    """

    def __init__(
        self, loop: str, engines: Sequence[str], seed: int, window: int, tell: Callable[[Sample], object]
    ) -> None:
        self._cases = [Case(loop, engine) for engine in engines]
        self._seed = seed
        self._window = window
        self._tell = tell
        self._trials: list[Trial] = []
        self._opened = 0
        self.samples: list[Sample] = []
        self.problems: list[str] = []
        self.counts: dict[str, Counter[str]] = {}

    def run(self, seconds: float) -> None:
        """Send for as long as that, or until enough is wrong."""
        with contextlib.ExitStack() as stack:
            for case in self._cases:
                trial = case.trial(self._seed)
                trial.window = self._window
                self._trials.append(stack.enter_context(trial))
            self._cases[0].run(lambda: self._run(seconds))
        for case, trial in zip(self._cases, self._trials, strict=True):
            self.counts[case.engine] = trial.verdict.counts
            self.problems += trial.verdict.problems

    async def _run(self, seconds: float) -> None:
        # What is made once in a process is no leak: that is made now.
        for trial in self._trials:
            async with await trial.opened(0) as client:
                await trial.round(client, self._keys(trial, 20))
        await self._at_rest()
        before = open_files()
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(await trial.opened(0)) for trial in self._trials]
            await self._load(clients, time.monotonic() + seconds)
        await self._at_rest()
        if not await became(lambda: open_files() == before):
            self.problems.append(f"{before} descriptors were open before, and {open_files()} are after the clients")

    async def _load(self, clients: list[Pynector], end: float) -> None:
        """Send rounds, and measure in between, when none is under way: what is in flight would hide a little growth."""
        begin = time.monotonic()
        while time.monotonic() < end and sum(len(trial.verdict.problems) for trial in self._trials) < ENOUGH:
            then, done = time.monotonic(), self._done()
            async with anyio.create_task_group() as tasks:
                for trial, client in zip(self._trials, clients, strict=True):
                    tasks.start_soon(self._send, trial, client, min(end, then + INTERVAL))
            now = time.monotonic()
            self._measure(now - begin, (self._done() - done) / (now - then))

    async def _send(self, trial: Trial, client: Pynector, end: float) -> None:
        """Send rounds: one through a client of its own, which is opened and closed, and others through the old one."""
        self._opened += 1
        async with await trial.opened(self._opened) as other:
            await trial.round(other, self._keys(trial, ROUND))
        while time.monotonic() < end:
            await trial.round(client, self._keys(trial, ROUND))

    def _keys(self, trial: Trial, count: int) -> range:
        """Return the next keys of a trial."""
        start = trial.verdict.counts.total()
        return range(start, start + count)

    def _done(self) -> int:
        return sum(trial.verdict.counts.total() for trial in self._trials)

    def _measure(self, at: float, rate: float) -> None:
        latencies = [latency for trial in self._trials for latency in trial.verdict.latencies]
        for trial in self._trials:
            trial.verdict.latencies.clear()
        p50, p99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
        memory = resident()
        blocks = sys.getallocatedblocks() - OWN_BLOCKS * len(self.samples)
        sample = Sample(at, rate, blocks, memory, open_files() or 0, p50, p99)
        self.samples.append(sample)
        self._tell(sample)

    async def _at_rest(self) -> None:
        for trial in self._trials:
            if not await trial.server.quiet(closed=True):
                self.problems.append(f"the clients are closed, and a server has {trial.server.under_way()}")
        gc.collect()
