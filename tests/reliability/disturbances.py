"""What is done to a scenario: it is cancelled, its time is over, its client is closed, or what it calls fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from stepping import SteppedLoop, Steps

from pynector import TimeoutError, TransportError

if TYPE_CHECKING:
    from disturbing import Run

# By how much the clock is moved (seconds): further than any timeout.
JUMP = 3600.0


class Disturbance:
    """One way.

    Attributes:
        name: Its name.
        first: The first step at which it can be done; 0 is before there was any.
        forward: By how much the clock may have been moved (seconds).
    """

    name = ""
    first = 0
    forward = 0.0

    def counted(self, loop: SteppedLoop) -> Steps:
        """Return what counts the steps at which it may be done."""
        return loop.steps

    def tripping(self, loop: SteppedLoop) -> Callable[[], object]:
        """Return what the caller's own code calls in a scenario."""
        return self.counted(loop).tick

    def runs(self, loop: str) -> bool:
        """Say whether it can be done on a loop, and is nothing that is done otherwise."""
        return True

    @contextmanager
    def installed(self, loop: SteppedLoop) -> Iterator[None]:
        """Make ready for it, before anything is made that it is done to."""
        yield

    @contextmanager
    def around(self, run: Run) -> Iterator[Callable[[], object]]:
        """Return what does it, in the task of the scenario."""
        raise NotImplementedError
        yield

    async def is_lost(self) -> bool:
        """Say, after it was done and the scenario had its answer all the same, whether somebody swallowed it."""
        return False

    def faults_in(self, heard: list[str], was_done: bool) -> list[str]:
        """Return what is a fault of that which was told where no caller listens."""
        return heard

    def allows(self, outcome: object, run: Run) -> bool:
        """Say whether a scenario, or an entry of a batch in it, may end so beside its own answer."""
        return False


class Cancel(Disturbance):
    """The scenario's task is cancelled, as the loop itself does it."""

    name = "cancel"

    @contextmanager
    def around(self, run: Run) -> Iterator[Callable[[], object]]:
        scope, cancel = run.loop.canceller()
        with scope:
            yield cancel

    async def is_lost(self) -> bool:
        try:
            await anyio.lowlevel.checkpoint()
        except anyio.get_cancelled_exc_class():
            # It was not yet time for it.
            return False
        return True

    def allows(self, outcome: object, run: Run) -> bool:
        return isinstance(outcome, anyio.get_cancelled_exc_class())


class Scope(Cancel):
    """It is cancelled by a scope of AnyIO's, which does it again at each wait; on trio that is the same."""

    name = "scope"

    def runs(self, loop: str) -> bool:
        return loop != "trio"

    @contextmanager
    def around(self, run: Run) -> Iterator[Callable[[], object]]:
        with anyio.CancelScope() as scope:
            yield scope.cancel


class Time(Disturbance):
    """All of its time passes at once."""

    name = "time"
    forward = JUMP

    def runs(self, loop: str) -> bool:
        # uvloop's timers do not ask its clock.
        return loop != "uvloop"

    @contextmanager
    def around(self, run: Run) -> Iterator[Callable[[], object]]:
        yield partial(run.loop.jump, JUMP)

    def allows(self, outcome: object, run: Run) -> bool:
        return isinstance(outcome, (TimeoutError, *run.scenario.late))


class Close(Disturbance):
    """Another task closes the client."""

    name = "close"

    @contextmanager
    def around(self, run: Run) -> Iterator[Callable[[], object]]:
        yield run.closing.set

    def allows(self, outcome: object, run: Run) -> bool:
        return isinstance(outcome, TransportError)


DISTURBANCES: tuple[Disturbance, ...] = (Cancel(), Scope(), Time(), Close())
