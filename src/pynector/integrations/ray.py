"""Requests of Ray Data's datasets: `request_dataset(dataset, requests)`, and the actor class that it maps with."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter as CounterOf
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

try:
    import ray
    from ray.data import ActorPoolStrategy, Dataset
    from ray.exceptions import GetTimeoutError, RayActorError
    from ray.util.metrics import Counter, Histogram
except ImportError as error:
    raise ImportError("pynector.integrations.ray needs ray: pip install 'pynector[ray]'") from error

from ..dispatch.limits import Rate
from ..errors import ConfigurationError, PynectorError
from .many import Asked, Lender, Loan, Requests
from .many.columns import columns_of
from .many.lending import others_are_lent

# How many calls of an actor go on at a time: while one waits for its last answers, others fill the window.
CALLS = 4

# Of how many requests of a batch that is told: 2.6 us each, as much as to make the request of a record; and each time
# Ray lets go of the interpreter's lock, for which threads then wait.
OBSERVED = 10

# How long the driver waits for a job's lender, which may have to be started (seconds).
LENDER_PATIENCE = 120.0

# The upper bounds of the histogram of how long requests take (seconds).
BOUNDS = [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60]


def request_dataset(
    dataset: Dataset,
    requests: Requests,
    *,
    workers: int | tuple[int, int] = (1, 4),
    batch_size: int | None = 1000,
    num_cpus: float = 1,
    **options: Any,
) -> Dataset:
    """Return a dataset whose records have the answers to their requests, too.

    It is lazy, as all of Ray Data is. A worker that dies is replaced, and what it had in flight is sent again.

    Args:
        dataset: The records.
        requests: What is sent, and what is wanted of the answers. Its rates and windows hold for all workers together.
        workers: How many actors send, 1 or more, or the fewest and the most of them, between which Ray scales.
        batch_size: How many records a batch has, 1 or more; None: a block.
        num_cpus: How many cores a worker is given, more than 0; one that sends keeps one busy.
        **options: Others of `Dataset.map_batches`.

    Raises:
        ConfigurationError: If an argument is not valid, cannot be sent to workers, or if a dataset that is under way
            has the same job with other rates or windows.
        PynectorError: If the actor that lends these does not answer in two minutes.
    """
    if not isinstance(requests, Requests):
        raise ConfigurationError(f"requests must be Requests, not {type(requests).__name__}")
    fewest, most = _fewest_and_most(workers)
    if batch_size is not None and (not _is_number(batch_size) or batch_size < 1):
        raise ConfigurationError(f"batch_size must be a number, 1 or more, or None for a block, not {batch_size!r}")
    requests.check_sendable(ray.cloudpickle.dumps)
    if requests.bank is None and requests.is_limited:
        bank = RayBank(requests.job, *requests.lent)
        bank.check()
        requests = requests.borrowing(bank)
    compute = ActorPoolStrategy(min_size=fewest, max_size=most, max_concurrent_calls_per_actor=CALLS)
    given = {"batch_format": "pyarrow", "udf_modifying_row_count": False, "compute": compute, **options}
    return dataset.map_batches(
        RequestActor, fn_constructor_args=(requests,), batch_size=batch_size, num_cpus=num_cpus, **given
    )


def _fewest_and_most(workers: Any) -> tuple[int, int]:
    fewest, most = workers if isinstance(workers, (tuple, list)) and len(workers) == 2 else (workers, workers)
    if not _is_number(fewest) or not _is_number(most) or not 1 <= fewest <= most:
        said = "a number, 1 or more, or the fewest and the most of them"
        raise ConfigurationError(f"workers must be {said}, not {workers!r}")
    return fewest, most


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class RequestActor:
    """What `Dataset.map_batches` calls with batches: `ds.map_batches(RequestActor, fn_constructor_args=(requests,))`.

    Args:
        requests: What is sent, and what is wanted of the answers.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._metrics = Metrics(requests)

    async def __call__(self, batch: Any) -> Any:
        """Return a batch with its answers."""
        made = await asyncio.wrap_future(self._requests.begin(batch))
        self._metrics.count(made)
        return made


class Metrics:
    """Ray's metrics of requests: `pynector_requests`, `pynector_attempts`, and, of some of each batch,
    `pynector_request_seconds`.

    Their tags are `job`, and of the first one `outcome`: "ok", or the class of an error.

    Args:
        requests: What is sent.
    """

    def __init__(self, requests: Requests) -> None:
        self._prefix = requests.prefix
        self._job = {"job": requests.job}
        self._requests = Counter("pynector_requests", "Requests that have ended", ("job", "outcome"))
        self._attempts = Counter("pynector_attempts", "How often requests were sent", ("job",))
        self._seconds = Histogram("pynector_request_seconds", "How long requests took", BOUNDS, ("job",))

    def count(self, batch: Any) -> None:
        """Count the requests of a batch that has its answers."""
        error, attempts, elapsed = (self._prefix + name for name in ("error", "attempts", "elapsed"))
        columns = columns_of(batch, {error, attempts, elapsed})
        for outcome, number in CounterOf(columns[error]).items():
            self._requests.inc(number, {**self._job, "outcome": outcome or "ok"})
        if sent := sum(columns[attempts]):
            self._attempts.inc(sent, self._job)
        took = columns[elapsed]
        for seconds in took[:: max(1, len(took) // OBSERVED)]:
            self._seconds.observe(seconds, self._job)


class Lending:
    """Lends rates and windows to workers; it runs as an actor. See Lender."""

    def __init__(self, rates: Sequence[Rate], per_origin: int | None) -> None:
        self._lender = Lender(rates, per_origin)

    def declare(self, rates: Sequence[Rate], per_origin: int | None) -> bool:
        """See Lender."""
        return self._lender.declare(rates, per_origin, time.monotonic())

    def ask(self, name: str, asked: tuple[Any, ...]) -> tuple[Any, ...]:
        """See Lender."""
        return tuple(self._lender.ask(name, Asked(*asked), time.monotonic()))

    def leave(self, name: str) -> None:
        """See Lender."""
        self._lender.leave(name)


class RayBank:
    """Borrows from an actor of its job's name: whoever does not find it makes it, and then it ends with him.

    Args:
        job: The job's name.
        rates, per_origin: See Lender.
    """

    def __init__(self, job: str, rates: Sequence[Rate], per_origin: int | None) -> None:
        self._job = job
        self._declared = (tuple(rates), per_origin)
        self._actor: Any = None
        self._looking: Future[Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._job, *self._declared)

    def check(self) -> None:
        """Have the actor be there.

        Raises:
            ConfigurationError: If it lends something else.
            PynectorError: If it does not answer in two minutes.
        """
        self._actor = self._there()
        try:
            is_lent = ray.get(self._actor.declare.remote(*self._declared), timeout=LENDER_PATIENCE)
        except GetTimeoutError as error:
            said = f"Ray's actor {_name_of(self._job)!r}, which lends the rates and windows of job {self._job!r}"
            raise PynectorError(f"{said}, has not answered in {LENDER_PATIENCE:g} s") from error
        if not is_lent:
            raise others_are_lent(self._job)

    async def ask(self, name: str, asked: Asked) -> Loan:
        """See Bank."""
        if self._actor is None:
            self._actor = await self._found()
        try:
            return Loan(*await self._actor.ask.remote(name, tuple(asked)))
        except RayActorError:
            # Another one is found, or made, the next time.
            self._actor = None
            raise

    async def leave(self, name: str) -> None:
        """See Bank."""
        if self._actor is not None:
            await self._actor.leave.remote(name)

    async def _found(self) -> Any:
        if not ray.is_initialized():
            # Ray would start another cluster.
            raise PynectorError("there is no cluster of Ray: this process has left it, or it has ended")
        # It may take a while, in which the event loop has other things to do; for ever, where the cluster ends then.
        looking = self._looking = self._looking or _in_thread(self._there)
        try:
            return await asyncio.shield(asyncio.wrap_future(looking))
        finally:
            if looking.done():
                self._looking = None

    def _there(self) -> Any:
        made = ray.remote(Lending).options(
            name=_name_of(self._job), namespace="pynector", get_if_exists=True, num_cpus=0, max_restarts=-1
        )
        return made.remote(*self._declared)


def _name_of(job: str) -> str:
    return f"pynector-{job}"


def _in_thread(work: Callable[[], Any]) -> Future[Any]:
    """Have a function be called in a thread that the interpreter's end does not wait for, as for those of executors."""
    done: Future[Any] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="pynector.ray", daemon=True).start()
    return done
