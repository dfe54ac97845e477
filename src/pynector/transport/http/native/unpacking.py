"""Answers that take long to decode: another thread does it, and meanwhile they end like any other."""

from __future__ import annotations

from math import inf
from typing import Any

from ....errors import client_closed
from ..steps import Steps
from .exchange import Exchange
from .failures import late
from .tasks import Tasks
from .wire import request_of


class Unpacking:
    """The answers of a client that are being decoded in other threads.

    Args:
        tasks: Sets timers, and has other threads work.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._under_way: set[_Unpacked] = set()

    def take(self, exchange: Exchange, steps: Steps[Any]) -> None:
        """Have the rest of some work be done, and end an exchange with what it comes to."""
        self._under_way.add(_Unpacked(self._tasks, exchange, steps, self._under_way))

    def close(self) -> None:
        """End all of them."""
        for unpacked in list(self._under_way):
            unpacked.fail(client_closed("body", "full"))

    async def closing(self) -> None:
        """Wait for the threads, which end soon when they are to."""
        running = [unpacked.work for unpacked in self._under_way if unpacked.is_running]
        if running:
            await self._tasks.loop.ended(running)


class _Unpacked:
    """An answer that is being decoded; it stands where its exchange's pool does otherwise."""

    def __init__(self, tasks: Tasks, exchange: Exchange, steps: Steps[Any], under_way: set[_Unpacked]) -> None:
        self._exchange = exchange
        self._steps = steps
        self._under_way = under_way
        # Without its pool nobody could say any more what the request was.
        exchange.request = request_of(exchange)
        exchange.pool = self
        self.work = tasks.loop.in_thread(steps.finish, self._done)
        self._timer = None if exchange.deadline == inf else tasks.call_at(exchange.deadline, self._on_time)

    @property
    def is_running(self) -> bool:
        """Whether a thread is at it."""
        return self._steps.is_running

    def give_up(self, exchange: Exchange) -> None:
        """End it; its caller does not want the answer any more."""
        self._stop()

    def progress(self, exchange: Exchange) -> tuple[Any, Any]:
        """Say what is under way, and how much of the request has left."""
        return "body", "full"

    def fail(self, error: Exception) -> None:
        """End it with an error."""
        self._stop()
        self._exchange.owner.failed(self._exchange, error)

    def _on_time(self) -> None:
        self.fail(late(self._exchange, "body", "full"))

    def _stop(self) -> None:
        self._steps.stop()
        if not self.is_running:
            self.work.cancel()

    def _done(self) -> None:
        self._under_way.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        exchange = self._exchange
        if exchange.completion is None:
            return
        try:
            answer = self._steps.result()
        except Exception as error:
            exchange.owner.failed(exchange, error)
            return
        exchange.succeed(answer)
