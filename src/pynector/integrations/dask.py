"""Requests of Dask's bags and frames: `request_bag(bag, requests)`, `request_frame(frame, requests)`."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

try:
    import dask  # noqa: F401
except ImportError as error:
    raise ImportError("pynector.integrations.dask needs dask: pip install 'pynector[dask]'") from error

from ..dispatch.limits import Rate
from ..errors import ConfigurationError, PynectorError
from .many import Asked, Lender, Loan, Requests
from .many.lending import others_are_lent

if TYPE_CHECKING:
    from dask.bag import Bag

try:
    from distributed import SchedulerPlugin, get_client, get_worker
    from distributed.protocol import pickle
except ImportError:
    # Dask on one machine needs none of it.
    SchedulerPlugin, get_client, get_worker = object, None, None


def request_bag(bag: Bag, requests: Requests) -> Bag:
    """Return a bag whose records, dicts, have the answers to their requests, too.

    Args:
        bag: The records.
        requests: What is sent, and what is wanted of the answers. Its rates and windows hold for all workers of the
            cluster of the current `distributed.Client` together; without one, for all threads of a process.

    Raises:
        ConfigurationError: If an argument cannot be sent to the workers of a cluster; if the job is under way there
            with other rates or windows; if these cannot be shared: as the client is asynchronous, or, said when it
            runs, as there are other processes and no cluster.
    """
    from dask.bag import from_sequence

    numbers = from_sequence(range(bag.npartitions), npartitions=bag.npartitions)
    return bag.map_partitions(_of_bag, numbers, _sharing(requests))


def request_frame(frame: Any, requests: Requests) -> Any:
    """Return a frame that has the answers to its records' requests as columns, too.

    Args:
        frame: A frame of `dask.dataframe`.
        requests: See `request_bag`. With `answer="json"` the column has text that was found to be JSON.
    """
    meta = requests.answered(frame._meta)
    return frame.map_partitions(_of_frame, _sharing(requests), meta=meta)


def _of_bag(records: Any, numbers: Any, requests: Requests) -> Any:
    _join(requests)
    (number,) = numbers
    return next(requests.process([list(records)], f"part-{number}"))


def _of_frame(frame: Any, requests: Requests, partition_info: dict[str, Any] | None = None) -> Any:
    _join(requests)
    number = "" if partition_info is None else partition_info["number"]
    return next(requests.process([frame], f"part-{number}"))


# What workers share


class LendingPlugin(SchedulerPlugin):  # type: ignore[misc]
    """Lends the rates and windows of a job to the workers of a cluster, in its scheduler.

    Args:
        job: The job's name.
        rates, per_origin: See Lender.
    """

    idempotent = True

    def __init__(self, job: str, rates: Sequence[Rate], per_origin: int | None) -> None:
        self.name = f"pynector-{job}"
        self._job = job
        self._lender = Lender(rates, per_origin)
        # By the address of a worker, those that borrow there.
        self._borrowers: dict[str, set[str]] = {}

    async def start(self, scheduler: Any) -> None:
        """See SchedulerPlugin."""
        scheduler.handlers[f"pynector_declare_{self._job}"] = self.declare
        scheduler.handlers[f"pynector_ask_{self._job}"] = self.ask
        scheduler.handlers[f"pynector_leave_{self._job}"] = self.leave

    async def declare(self, rates: Any, per_origin: int | None) -> bool:
        """See Lender."""
        return self._lender.declare([Rate(*rate) for rate in rates], per_origin, time.monotonic())

    async def ask(self, worker: str, name: str, asked: Any) -> Any:
        """Answer a worker; see Lender."""
        self._borrowers.setdefault(worker, set()).add(name)
        return list(self._lender.ask(name, Asked(*asked), time.monotonic()))

    async def leave(self, worker: str, name: str) -> None:
        """Take note that one is gone; see Lender."""
        self._borrowers.get(worker, set()).discard(name)
        self._lender.leave(name)

    def remove_worker(self, scheduler: Any, worker: str, **kwargs: Any) -> None:
        """See SchedulerPlugin."""
        for name in self._borrowers.pop(worker, ()):
            self._lender.leave(name)


class DaskBank:
    """Borrows from the scheduler of the cluster that a task runs in.

    Args:
        job: The job's name.
    """

    def __init__(self, job: str) -> None:
        self._job = job

    async def ask(self, name: str, asked: Asked) -> Loan:
        """See Bank."""
        return Loan(*await self._call("ask", name=name, asked=list(asked)))

    async def leave(self, name: str) -> None:
        """See Bank."""
        await self._call("leave", name=name)

    async def _call(self, what: str, **arguments: Any) -> Any:
        worker = _here.get("worker")
        if worker is None or worker.loop.asyncio_loop.is_closed():
            raise PynectorError("no task of Dask has run in this process, or its worker is closed")

        async def asked() -> Any:
            call = getattr(worker.scheduler, f"pynector_{what}_{self._job}")
            return await call(worker=worker.address, **arguments)

        made = asyncio.run_coroutine_threadsafe(asked(), worker.loop.asyncio_loop)
        return await asyncio.wrap_future(made)


# A worker of this process: the client's thread, which is no task's, asks by its connection.
_here: dict[str, Any] = {}


def _sharing(requests: Requests) -> Requests:
    """Return what is sent with its limits shared by the workers of the current cluster, if there is one."""
    if not isinstance(requests, Requests):
        raise ConfigurationError(f"requests must be Requests, not {type(requests).__name__}")
    if get_client is None:
        return requests
    try:
        client = get_client()
    except ValueError:
        return requests
    requests.check_sendable(pickle.dumps)
    if requests.bank is not None or not requests.is_limited:
        return requests
    if client.asynchronous:
        said = "rate and max_concurrency_per_origin are not shared through an asynchronous Client by itself: await its"
        how = "register_plugin(LendingPlugin(requests.job, *requests.lent)), and give"
        raise ConfigurationError(f"{said} {how} requests.borrowing(DaskBank(requests.job))")
    client.register_plugin(LendingPlugin(requests.job, *requests.lent))
    rates, per_origin = requests.lent
    declare = getattr(client.scheduler, f"pynector_declare_{requests.job}")
    if not client.sync(declare, rates=[(rate.requests, rate.per, rate.burst) for rate in rates], per_origin=per_origin):
        raise others_are_lent(requests.job)
    return requests.borrowing(DaskBank(requests.job))


def _join(requests: Requests) -> None:
    """Take note of which worker runs the task."""
    if get_worker is not None:
        try:
            _here["worker"] = get_worker()
            return
        except ValueError:
            pass
    if multiprocessing.parent_process() is not None and requests.is_limited:
        said = "rate and max_concurrency_per_origin cannot be shared by processes of Dask without a distributed.Client"
        raise ConfigurationError(said)
