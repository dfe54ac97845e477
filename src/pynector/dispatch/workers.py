"""Gives a transport that has only `exchange` a `submit`: tasks that run exchanges, and one timer for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from .._speedups.dispatcher import BURST
from .._speedups.jobs import Job, Jobs
from ..eventloop import cancellation_is_asked_for
from .endings import CutOff, escaped, late

if TYPE_CHECKING:
    from typing_extensions import Self

Exchange = Callable[..., Awaitable[Any]]


class Workers:
    """Runs exchanges for as long as its block lasts.

    Args:
        exchange: The transport's `exchange`.
        clock: The event loop's clock.

    Attributes:
        submit: See SubmitTransport.
    """

    def __init__(self, exchange: Exchange, clock: Callable[[], float]) -> None:
        self._exchange = exchange
        self._tasks = anyio.create_task_group()
        self._jobs = Jobs(clock, self._spawn, self._set_timer)
        self.submit = self._jobs.submit
        self._timer = anyio.CancelScope()
        # What each worker can be cancelled by, and those that have ended.
        self._scopes: list[anyio.CancelScope] = []
        self._free: list[int] = []

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._watch)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        return await self._tasks.__aexit__(exc_type, exc_val, exc_tb)

    def _spawn(self, job: Job) -> None:
        self._tasks.start_soon(self._work, job)

    def _set_timer(self, when: float) -> None:
        self._timer.deadline = when

    async def _watch(self) -> None:
        while True:
            with anyio.CancelScope(deadline=self._jobs.due()) as self._timer:
                await anyio.sleep_forever()
            for worker in self._jobs.late():
                self._scopes[worker].cancel()

    async def _work(self, first: Job) -> None:
        if not self._free:
            self._free.append(len(self._scopes))
            self._scopes.append(anyio.CancelScope())
        worker = self._free.pop()
        job: Job | None = first
        try:
            while job is not None:
                begun, job = job, None
                with anyio.CancelScope() as scope:
                    self._scopes[worker] = scope
                    job = await self._run(begun, worker, scope)
                if job is None:
                    job = self._jobs.take()
        finally:
            self._free.append(worker)

    async def _run(self, job: Job | None, worker: int, scope: anyio.CancelScope) -> Job | None:
        """Run jobs until there is none, or the scope is cancelled as one is late or given up; return the next one."""
        jobs, exchange, count = self._jobs, self._exchange, 0
        while job is not None and not scope.cancel_called:
            if jobs.begin(job, worker, scope):
                try:
                    # Whoever watches the request may want it to run in a context of his.
                    around = job.completion.current
                    if around is None and job.observer is None:
                        answer = await exchange(job.data, **job.options)
                    else:
                        with nullcontext() if around is None else around():
                            told = () if job.observer is None else (job.observer,)
                            answer = await exchange(job.data, *told, **job.options)
                except Exception as error:
                    jobs.fail(job, error)
                except anyio.get_cancelled_exc_class() as cancelled:
                    if self._is_over(job, scope, cancelled):
                        raise
                else:
                    jobs.succeed(job, answer)
                finally:
                    jobs.left(worker)
            count += 1
            if count % BURST == 0:
                await anyio.lowlevel.checkpoint()
            job = jobs.take()
        return job

    def _is_over(self, job: Job, scope: anyio.CancelScope, cancelled: BaseException) -> bool:
        """Say what becomes of a job that was cancelled, and return whether its worker was meant."""
        if scope.cancel_called:
            self._jobs.fail(job, late(round(job.deadline - job.submitted, 3), cancelled))
            return True
        if cancellation_is_asked_for():
            # Not the exception, whose frames hold the job.
            job.reached = CutOff(cancelled)
            return True
        self._jobs.fail(job, escaped())
        return False
