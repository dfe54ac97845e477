"""Event loops whose steps are counted, so that a test can act at each of them.

On asyncio's loop and uvloop a step is a callback that the loop runs, or a call of a protocol that it makes; on trio it
is a step of a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from functools import cache
from importlib.util import find_spec
from typing import Any

import anyio
import trio
import trio.testing

LOOPS = [name for name in ("asyncio", "uvloop", "trio") if find_spec(name)]

# What a protocol may be told.
TOLD = (
    "connection_made", "data_received", "buffer_updated", "eof_received", "connection_lost",
    "pause_writing", "resume_writing",
)  # fmt: skip


class Steps:
    """Counts steps, and acts before one of them.

    Attributes:
        count: How many there have been since `begin`.
    """

    def __init__(self) -> None:
        self.count = 0
        self._at = 0
        self._act: Callable[[], object] | None = None

    def begin(self, at: int, act: Callable[[], object]) -> None:
        """Count from now on, and act before step `at`, 1 for the first; 0 acts at once, what is negative never."""
        self.count, self._at, self._act = 0, at, act
        if at == 0:
            act()

    def end(self) -> None:
        """Count no more."""
        self._act = None

    def tick(self) -> None:
        """Take a step."""
        if self._act is not None:
            self.count += 1
            if self.count == self._at:
                self._act()


class _Step:
    """A callback that is counted.

    Attributes:
        done: Whether it has been called.
    """

    __slots__ = ("_callback", "_steps", "done")

    def __init__(self, steps: Steps, callback: Callable[..., object]) -> None:
        self._steps = steps
        self._callback = callback
        self.done = False

    def __call__(self, *args: Any) -> None:
        self.done = True
        self._steps.tick()
        self._callback(*args)

    def __repr__(self) -> str:
        return repr(self._callback)


class _Stepping:
    """Before a loop's class: counts its steps, keeps its timers, and moves its clock.

    Attributes:
        steps: Counts.
        ahead: By how much its clock has been moved (seconds).
    """

    steps = Steps()
    ahead = 0.0

    def __init__(self, *args: Any) -> None:
        self._timers: dict[_Step, Any] = {}
        super().__init__(*args)

    def time(self) -> float:
        return super().time() + self.ahead  # type: ignore[misc, no-any-return]

    def timers(self) -> list[str]:
        """Name the timers that have neither gone off nor been cancelled."""
        self._timers = {step: timer for step, timer in self._timers.items() if not (step.done or timer.cancelled())}
        return [repr(step) for step in self._timers]

    def _counted(self, callback: Callable[..., object]) -> _Step:
        # Some of the loops' methods call others.
        return callback if isinstance(callback, _Step) else _Step(self.steps, callback)

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        return super().call_soon(self._counted(callback), *args, context=context)  # type: ignore[misc]

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        return super().call_soon_threadsafe(self._counted(callback), *args, context=context)  # type: ignore[misc]

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        step = self._counted(callback)
        timer = self._timers[step] = super().call_later(delay, step, *args, context=context)  # type: ignore[misc]
        return timer

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        step = self._counted(callback)
        timer = self._timers[step] = super().call_at(when, step, *args, context=context)  # type: ignore[misc]
        return timer

    async def create_connection(self, factory: Callable[[], Any], *args: Any, **options: Any) -> Any:
        def make() -> Any:
            protocol = factory()
            # Not a proxy: loops ask for a protocol's class, and compiled code for its fields.
            kind: Any = type(protocol)
            protocol.__class__ = _counting(kind, self.steps)
            return protocol

        return await super().create_connection(make, *args, **options)  # type: ignore[misc]


@cache
def _counting(base: Any, steps: Steps) -> Any:
    """Make a class of protocols that count what they are told."""

    def told(name: str) -> Callable[..., Any]:
        tell = getattr(base, name)

        def step(self: Any, *args: Any) -> Any:
            steps.tick()
            return tell(self, *args)

        return step

    return type(base.__name__, (base,), {"__slots__": (), **{name: told(name) for name in TOLD if hasattr(base, name)}})


@cache
def _stepping(name: str) -> Any:
    """Make the class of a loop that counts its steps."""
    base: Any = asyncio.SelectorEventLoop
    if name == "uvloop":
        import uvloop

        base = uvloop.Loop
    return type(f"Stepping{base.__name__}", (_Stepping, base), {})


class _Instrument(trio.abc.Instrument):
    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._steps.tick()


class SteppedLoop:
    """An event loop whose steps are counted.

    Args:
        name: "asyncio", "uvloop" or "trio".

    Attributes:
        name: See above.
        steps: Counts.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps = Steps()
        self._clock = trio.testing.MockClock(rate=1.0)

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        """Run a coroutine function on a new loop, and return its result."""
        if self.name == "trio":
            options: dict[str, Any] = {"clock": self._clock, "instruments": [_Instrument(self.steps)]}
            return anyio.run(main, backend="trio", backend_options=options)
        return anyio.run(main, backend="asyncio", backend_options={"loop_factory": self._make, "debug": False})

    def _make(self) -> Any:
        loop = _stepping(self.name)()
        loop.steps = self.steps
        return loop

    def jump(self, seconds: float) -> None:
        """Move the clock."""
        if self.name == "trio":
            self._clock.jump(seconds)
        else:
            running: Any = asyncio.get_running_loop()
            running.ahead += seconds

    def canceller(self) -> tuple[anyio.CancelScope, Callable[[], object]]:
        """Return a scope for the running task to be cancelled in, and what cancels it as the loop itself does."""
        scope = anyio.CancelScope()
        if self.name == "trio":
            return scope, scope.cancel
        task = asyncio.current_task()
        assert task is not None
        return scope, task.cancel

    async def ends(self, work: Callable[[], Awaitable[Any]], patience: float) -> bool:
        """Run a coroutine function, or give it up after `patience` seconds; say whether it ended."""
        if self.name == "trio":
            with anyio.move_on_after(patience) as scope:
                await work()
            return not scope.cancelled_caught
        # A task of its own: what hangs may be shielded from scopes, but not from this.
        task = asyncio.ensure_future(work())
        done, _ = await asyncio.wait([task], timeout=patience)
        if done:
            # One that was cancelled in its last step has nothing to tell.
            if not task.cancelled():
                task.result()
            return True
        task.cancel()
        await asyncio.wait([task], timeout=patience)
        return False

    def tasks(self) -> set[Any]:
        """Return the tasks that live, or as many numbers."""
        if self.name == "trio":
            return set(range(trio.lowlevel.current_statistics().tasks_living))
        return set(asyncio.all_tasks())

    def timers(self) -> list[str]:
        """Name the timers that have not gone off; on trio they are tasks."""
        if self.name == "trio":
            return []
        running: Any = asyncio.get_running_loop()
        return list(running.timers())
