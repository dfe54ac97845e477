"""A stream's way through the limits of its client: it waits for its turn, and has its places until it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._speedups.results import ListResults
from .._speedups.ruled import RuledDispatcher
from .._speedups.scheduler import Scheduler
from ..errors import PynectorError
from ..transport.contract import Completion
from .bell import CallAt, TimedBell
from .rules import Rules

_NONE = -1


class Turn:
    """The turn of one request that is not sent by the dispatcher, but has to ask it.

    Args:
        rules: What holds for it.
        data: What is sent.
        clock: The event loop's clock, in seconds.
        call_at: Calls a function at a time on that.
        limit: Seconds it may take.
    """

    def __init__(self, rules: Rules, data: Any, clock: Callable[[], float], call_at: CallAt, limit: float) -> None:
        self._bell = TimedBell(call_at)
        self._token = _NONE
        self._results = ListResults(1)
        scheduler = rules.scheduler = Scheduler(1)
        self._dispatcher: RuledDispatcher | None = RuledDispatcher(
            scheduler,
            iter([(data, {})]),
            self._results,
            self._has_come,
            clock,
            rules.options,
            limit,
            lambda entry: limit,
            lambda error, index, entry, timeout: error,
            self._bell.ring,
            rules,
            self._bell.ring_at,
        )

    def _has_come(
        self, data: Any, options: Mapping[str, Any], deadline: float, completion: Completion, token: int
    ) -> None:
        self._token = token

    async def wait(self) -> None:
        """Return when it may start.

        Raises:
            PynectorError: If it may not: its time is over, or its origin is to be left alone.
        """
        dispatcher = self._dispatcher
        assert dispatcher is not None
        while True:
            dispatcher.run()
            if self._token != _NONE:
                return
            if dispatcher.is_finished():
                problem: PynectorError = self._results.results.pop()
                try:
                    raise problem
                finally:
                    del problem
            await self._bell.wait()

    def end(self, error: BaseException | None, is_its_own: bool) -> None:
        """Give its places to others, and say what has become of it: a PynectorError of its own may be its server's."""
        dispatcher, self._dispatcher = self._dispatcher, None
        if dispatcher is None:
            return
        if self._token != _NONE and is_its_own and isinstance(error, PynectorError):
            dispatcher.fail(self._token, error)
        elif self._token != _NONE and error is None:
            dispatcher.succeed(self._token, None)
        dispatcher.abandon(None)
        dispatcher.end()
        self._bell.be_silent()
        self._results.results.clear()
