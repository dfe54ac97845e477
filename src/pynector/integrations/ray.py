"""Requests of Ray Data's datasets: `request_dataset(dataset, requests)`, and the actor class that it maps with."""

from __future__ import annotations

import asyncio
import time
from collections import Counter as CounterOf
from collections.abc import Sequence
from typing import Any

try:
    import ray
    from ray.data import ActorPoolStrategy, Dataset
    from ray.util.metrics import Counter, Histogram
except ImportError as error:
    raise ImportError("pynector.integrations.ray needs ray: pip install 'pynector[ray]'") from error

from ..dispatch.limits import Rate
from ..errors import ConfigurationError
from .many import Asked, Lender, Loan, Requests
from .many.columns import records_of

# How many calls of an actor go on at a time: while one waits for its last answers, others fill the window.
CALLS = 4

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
        ConfigurationError: If `workers` is not valid.
    """
    fewest, most = (workers, workers) if isinstance(workers, int) else workers
    if not 1 <= fewest <= most:
        said = "a number, 1 or more, or the fewest and the most of them"
        raise ConfigurationError(f"workers must be {said}, not {workers!r}")
    if requests.bank is None and (requests.rates or requests.per_origin):
        requests = requests.borrowing(RayBank(requests.job, requests.rates, requests.per_origin))
    compute = ActorPoolStrategy(min_size=fewest, max_size=most, max_concurrent_calls_per_actor=CALLS)
    given = {"batch_format": "pyarrow", "udf_modifying_row_count": False, "compute": compute, **options}
    return dataset.map_batches(
        RequestActor, fn_constructor_args=(requests,), batch_size=batch_size, num_cpus=num_cpus, **given
    )


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
    """Ray's metrics of requests: `pynector_requests`, `pynector_attempts`, and `pynector_request_seconds`.

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
        records = records_of(batch, {error, attempts, elapsed})
        for outcome, number in CounterOf(record[error] or "ok" for record in records).items():
            self._requests.inc(number, {**self._job, "outcome": outcome})
        if sent := sum(record[attempts] for record in records):
            self._attempts.inc(sent, self._job)
        for record in records:
            self._seconds.observe(record[elapsed], self._job)


class Lending:
    """Lends rates and windows to workers; it runs as an actor. See Lender."""

    def __init__(self, rates: Sequence[Rate], per_origin: int | None) -> None:
        self._lender = Lender(rates, per_origin)

    def ask(self, name: str, asked: tuple[Any, ...]) -> tuple[Any, ...]:
        """See Lender."""
        return tuple(self._lender.ask(name, Asked(*asked), time.monotonic()))

    def leave(self, name: str) -> None:
        """See Lender."""
        self._lender.leave(name)


class RayBank:
    """Borrows from an actor of its job's name, which lives as long as this does where it was made.

    Args:
        job: The job's name.
        rates, per_origin: See Lender.
    """

    def __init__(self, job: str, rates: Sequence[Rate], per_origin: int | None) -> None:
        self._name = f"pynector-{job}"
        made = ray.remote(Lending).options(
            name=self._name, namespace="pynector", get_if_exists=True, num_cpus=0, max_restarts=-1
        )
        self._actor: Any = made.remote(tuple(rates), per_origin)

    def __reduce__(self) -> tuple[Any, ...]:
        return _borrowing_of, (self._name,)

    async def ask(self, name: str, asked: Asked) -> Loan:
        """See Bank."""
        return Loan(*await self._there().ask.remote(name, tuple(asked)))

    async def leave(self, name: str) -> None:
        """See Bank."""
        await self._there().leave.remote(name)

    def _there(self) -> Any:
        if self._actor is None:
            self._actor = ray.get_actor(self._name, "pynector")
        return self._actor


def _borrowing_of(name: str) -> RayBank:
    bank = RayBank.__new__(RayBank)
    bank._name, bank._actor = name, None
    return bank
