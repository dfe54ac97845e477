"""What a soak sends: rounds of HTTP and of WebSocket beside each other, each judged by its ledger."""

from __future__ import annotations

import contextlib
import gc
import time
from collections import Counter
from collections.abc import Callable, Sequence

import anyio

from leaks import open_files
from ledger.cases import Case
from ledger.trial import Trial, became

from .samples import Sample, percentile, resident

ROUND = 400

# After so many rounds one is sent through a client of its own, which is opened and closed.
OWN_CLIENT = 5

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
                await trial.round(client, range(20))
        await self._at_rest()
        before = open_files()
        end = time.monotonic() + seconds
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._measure, end)
            for trial in self._trials:
                tasks.start_soon(self._send, trial, end)
        await self._at_rest()
        if not await became(lambda: open_files() == before):
            self.problems.append(f"{before} descriptors were open before, and {open_files()} are after the clients")

    async def _at_rest(self) -> None:
        for trial in self._trials:
            if not await trial.server.quiet(closed=True):
                self.problems.append(f"the clients are closed, and a server has {trial.server.under_way()}")
        gc.collect()

    async def _send(self, trial: Trial, end: float) -> None:
        number = 0
        async with await trial.opened(0) as client:
            while self._goes_on(end):
                start = 20 + number * ROUND
                number += 1
                keys = range(start, start + ROUND)
                if number % OWN_CLIENT:
                    await trial.round(client, keys)
                else:
                    async with await trial.opened(number // OWN_CLIENT) as other:
                        await trial.round(other, keys)

    def _goes_on(self, end: float) -> bool:
        wrong = sum(len(trial.verdict.problems) for trial in self._trials)
        return time.monotonic() < end and wrong < ENOUGH

    async def _measure(self, end: float) -> None:
        begin = then = time.monotonic()
        done = 0
        while self._goes_on(end):
            await anyio.sleep(min(INTERVAL, max(0.1, end - time.monotonic())))
            now = time.monotonic()
            total = sum(trial.verdict.counts.total() for trial in self._trials)
            latencies: list[float] = []
            for trial in self._trials:
                latencies += trial.verdict.latencies
                trial.verdict.latencies.clear()
            sample = Sample(
                time=now - begin,
                rate=(total - done) / (now - then),
                memory=resident(),
                files=open_files() or 0,
                p50=percentile(latencies, 0.5),
                p99=percentile(latencies, 0.99),
            )
            then, done = now, total
            self.samples.append(sample)
            self._tell(sample)
