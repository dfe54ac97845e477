"""Disturbs a scenario at one of its steps, or at each of them, and tells what does not hold afterwards."""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Iterable, Iterator
from typing import Any

import anyio
import pytest
from aftermath import Complaints, Inventory, until, what_is_busy
from disturbances import Disturbance
from endings import Endings
from spoiling import spoil_given, telling
from stage import PROBES, TIMEOUT, Scenario, Servers, Stage, cannot_tell
from stepping import SteppedLoop

# How long anything may take (seconds): more is to hang, for any request has a timeout.
PATIENCE = TIMEOUT + 5.0

SEED = 13

# After so many faults one more tells nothing new.
MOST_FAULTS = 8

_marks = itertools.count(1)


class Run:
    """One run of a scenario, which is disturbed at a step.

    Args:
        loop: The running loop.
        scenario: What is run.
        stage: On what.
        how: How it is disturbed.
        may_go_unnoticed: Whether what it runs on cannot always tell.

    Attributes:
        loop: See above.
        scenario: See above.
        stage: See above.
        faults: What went wrong.
        steps: How many steps it took.
        closing: Set to have the client closed by another task.
    """

    def __init__(
        self, loop: SteppedLoop, scenario: Scenario, stage: Stage, how: Disturbance, *, may_go_unnoticed: bool
    ) -> None:
        self.loop = loop
        self.scenario = scenario
        self.stage = stage
        self.faults: list[str] = []
        self.steps = 0
        self.closing = anyio.Event()
        self._how = how
        self._may_go_unnoticed = may_go_unnoticed

    async def disturbed(self, at: int) -> None:
        """Run it, disturbed before step `at`, until it has ended."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._close)
            if not await self.loop.ends(lambda: self._act(at), PATIENCE + self._how.forward):
                self.faults.append("it hangs")
            tasks.cancel_scope.cancel()

    async def _act(self, at: int) -> None:
        steps = self._how.counted(self.loop)
        with self._how.around(self) as disturb:
            try:
                steps.begin(at, disturb)
                got, wanted = await self.scenario.act(self.stage)
            except BaseException as error:
                if not self._how.allows(error, self):
                    self.faults.append(f"it ended with {error!r} from {error.__cause__!r}")
            else:
                self.faults += self._wrong(got, wanted)
                if 0 <= at <= steps.count and await self._how.is_lost() and not self._may_go_unnoticed:
                    self.faults.append("nobody noticed it")
            finally:
                steps.end()
                self.steps = steps.count

    def _wrong(self, got: Any, wanted: Any) -> Iterator[str]:
        for one, right in zip(got, wanted, strict=True) if isinstance(wanted, list) else [(got, wanted)]:
            if one != right and not self._how.allows(one, self):
                yield f"the answer {one!r} is not {right!r}"

    async def _close(self) -> None:
        await self.closing.wait()
        with anyio.CancelScope(shield=True):
            await self.closed()

    async def closed(self) -> None:
        """Close the client."""
        try:
            if not await self.loop.ends(self.stage.client.aclose, PATIENCE):
                self.faults.append("aclose hangs")
        except Exception as error:
            self.faults.append(f"aclose failed: {error!r}")

    async def idle(self) -> None:
        """Wait until the client does nothing."""
        if not await until(lambda: not what_is_busy(self.stage.client)):
            self.faults.append(f"busy: {what_is_busy(self.stage.client)} {self.stage.client!r}")

    async def answers(self, probe: Any) -> None:
        """Send the next request."""
        got: list[Any] = []

        async def ask() -> None:
            got.extend(await probe(self.stage))

        try:
            if not await self.loop.ends(ask, PATIENCE):
                self.faults.append("the next request hangs")
            elif got[0] != got[1]:
                self.faults.append(f"the next answer {got[0]!r} is not {got[1]!r}")
        except Exception as error:
            self.faults.append(f"the next request failed: {error!r} from {error.__cause__!r}")


class Sweep:
    """Disturbs a scenario at each of its steps, one run after another.

    Args:
        loop: Where it runs.
        scenario: What is disturbed.
        carrier: On which transport and engine.
        how: How.
        servers: Where requests go.

    Attributes:
        points: How many steps it was disturbed at.
        faults: What went wrong, and where.
    """

    def __init__(self, loop: SteppedLoop, scenario: Scenario, carrier: str, how: Disturbance, servers: Servers) -> None:
        self.points = 0
        self.faults: list[str] = []
        self._loop = loop
        self._scenario = scenario
        self._carrier = carrier
        self._probe = scenario.probe or PROBES[carrier]
        self._how = how
        self._servers = servers
        self._complaints = Complaints()
        self._endings = Endings()

    def run(self, most: int | None) -> None:
        """Disturb it at each step, or at so many of them at the most."""
        # What there is now need not be looked at when garbage is collected after each run, nor later.
        gc.collect()
        gc.freeze()
        with self._complaints.listening(), self._endings.counted(), telling(spoil_given):
            try:
                self._loop.run(lambda: self._sweep(most))
            except Exception as error:
                self.faults.append(f"{self._scenario.name}, the loop ended with {error!r}")
            heard = self._how.faults_in(self._complaints.take(), was_done=False)
            self.faults += [f"{self._scenario.name}, at last: {told}" for told in heard]

    def tried(self) -> dict[str, object]:
        """Return what the table of cases says of it."""
        return {
            "how": self._how.name,
            "scenario": self._scenario.name,
            "runs_on": f"{self._carrier} on {self._loop.name}",
            "points": self.points,
            "faults": len(self.faults),
        }

    async def _sweep(self, most: int | None) -> None:
        self._complaints.listen_to_loop()
        with self._how.installed(self._loop):
            # It makes what is made once for all, too: uvloop keeps a descriptor of its own.
            run = await self._undisturbed()
            first = self._how.first
            points = itertools.count(first) if most is None else spread(first, run.steps, most)
            for at in points:
                if await self._one(at) < at or len(self.faults) >= MOST_FAULTS:
                    break
                self.points += 1

    def _begin(self) -> Run:
        stage = Stage(self._servers, next(_marks), self._how.tripping(self._loop))
        stage.client = self._scenario.make_client(self._carrier, stage)
        may_go_unnoticed = cannot_tell(self._how.name, self._carrier)
        return Run(self._loop, self._scenario, stage, self._how, may_go_unnoticed=may_go_unnoticed)

    async def _undisturbed(self) -> Run:
        run = self._begin()
        await self._scenario.before(run.stage)
        await run.disturbed(-1)
        await run.answers(self._probe)
        await run.closed()
        self._endings.take()
        return run

    async def _one(self, at: int) -> int:
        """Run it, disturbed at a step, see what became of everything, and return how many steps there were."""
        before = Inventory(self._loop)
        run = self._begin()
        await self._scenario.before(run.stage)
        await run.disturbed(at)
        if self._scenario.closes:
            await run.closed()
            run.faults += [f"left after aclose: {thing}" for thing in await before.left_at_last()]
        else:
            await run.idle()
        run.stage.mark = next(_marks)
        await run.answers(self._probe)
        await run.idle()
        await run.closed()
        run.faults += [f"left: {thing}" for thing in await before.left_at_last()]
        run.faults += self._endings.take()
        run.faults += self._how.faults_in(self._complaints.take(), was_done=at <= run.steps)
        where = f"{self._scenario.name} {self._carrier} {self._loop.name} {self._how.name} at {at} of {run.steps}"
        self.faults += [f"{where}: {fault}" for fault in run.faults]
        return run.steps


def spread(first: int, last: int, most: int) -> list[int]:
    """Return at most so many steps, evenly spread; the first and the last one are among them."""
    places = range(min(most, last - first + 1))
    return [first + round(place * (last - first) / max(1, places.stop - 1)) for place in places]


def sized(cases: Iterable[tuple[str, tuple[Any, ...]]], most: int, share: float) -> list[Any]:
    """Return the parameters of a test for cases with their ids, and how many steps are tried of each.

    Args:
        cases: The cases.
        most: How many steps the short form tries of a case.
        share: Of how many cases it tries them, always the same.
    """
    named = list(cases)
    short = set(random.Random(SEED).sample(range(len(named)), int(share * len(named))))
    sized = []
    for number, (name, case) in enumerate(named):
        if number in short:
            sized.append(pytest.param(*case, most, id=f"few-{name}"))
        sized.append(pytest.param(*case, None, id=f"all-{name}", marks=pytest.mark.exhaustive))
    return sized
