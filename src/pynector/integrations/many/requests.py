"""Requests of record batches: columns in, columns out; what engines for many machines run in each of their workers."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ...client import Pynector
from ...dispatch.limits import Rate, rates
from ...errors import ConfigurationError
from ...templates import JSONTemplate, RequestTemplate, Template
from .answers import Form
from .blocks import Block
from .borrowing import Bank
from .columns import is_typed, length_of, names_of, records_of, with_columns
from .recipe import Recipe
from .running import Pool, Running

if TYPE_CHECKING:
    from typing_extensions import Self

# What of a batch's arguments has no meaning where one stream serves all batches, and why.
REFUSED = {
    "as_response": "answers are columns here",
    "checkpoint": "what has been done is the engine's to know",
    "lookahead": "how many batches are begun follows the window",
    "max_concurrency_per_origin": "it belongs to the client's arguments",
    "on_progress": "the engine shows how far it has come",
    "ordered": "batches come in their order",
    "progress": "the engine shows how far it has come",
    "rate": "it belongs to the client's arguments",
    "retry_failed": "what has been done is the engine's to know",
    "timeout": "it would end all batches; the client's timeout is that of each request",
}

# How many batches may wait, done, for an earlier one.
MOST_BATCHES = 16

# How many requests there are ready to be sent beyond the window.
READY = 1000
ANY_WINDOW = 100
ADAPTIVE_WINDOW = 1000

_KEY = "idempotency_key"

_pool = Pool()


class Requests:
    """What is to be sent for each record of a batch, and what is wanted of the answers. It is pickled as that.

    A request is made by the templates that are given, texts with {column} in them (`{{` and `}}` are braces; in a URL
    and a path what is put in is percent-encoded, but at the beginning), else as the columns `method`, `url`, `path`,
    `params`, `headers`, `json`, `data`, `content` and `cookies` describe it.

    The batches that come out have these columns more, each with `prefix` before its name: `status`; `body`, or `json`;
    `error`, the class of what the request failed with, and its `message`; `phase` and `sent`, see TransportError;
    `attempts`; `elapsed` in seconds. A failure is a value: nothing of it is raised.

    Each process has one client for all copies, with a thread of its own, an event loop and warm connections; it closes
    when nobody has used it for a minute.

    Args:
        client: Arguments of `pynector.Pynector`. Its rates and windows hold for all batches of a process, or of all
            that share a `bank`.
        batch: Arguments of `Pynector.batch_stream`, such as `max_concurrency`, and options for all requests.
        url, path: Templates of where requests go.
        method: The method; None: GET, or POST with a body.
        json: A template of the body: JSON as values whose texts are templates; one that is just "{column}" is that
            column's value.
        headers: Templates of header fields by name.
        answer: What is wanted of each: its body as "bytes", as "text", as "json", or "none" of it. In batches of
            pyarrow and frames of pandas JSON is text, so that all have the same type.
        prefix: What stands before the names of the columns.
        key: A column that says which record it is. Each request has an Idempotency-Key made of it and of `job`, the
            same whenever it is sent again, so that any method may be repeated.
        job: The name of the job, for these keys; None: a new one, which copies share.
        bank: Where rates and windows are shared with other processes, or None.

    Attributes:
        prefix, key, job, bank: See above.

    Raises:
        ConfigurationError: If an argument is not valid.
    """

    def __init__(
        self,
        client: Mapping[str, Any] | None = None,
        batch: Mapping[str, Any] | None = None,
        *,
        url: str | None = None,
        path: str | None = None,
        method: str | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        answer: str = "bytes",
        prefix: str = "response_",
        key: str | None = None,
        job: str | None = None,
        bank: Bank | None = None,
    ) -> None:
        self._client = _arguments(client, "client")
        self._batch = _arguments(batch, "batch")
        self._form = Form(answer, prefix)
        self.prefix = prefix
        self.key = key
        self.job = uuid.uuid4().hex if job is None else job
        self.bank = bank
        self._given = {
            "url": url,
            "path": path,
            "method": method,
            "json": json,
            "headers": headers,
            "answer": answer,
            "prefix": prefix,
            "key": key,
            "job": self.job,
            "bank": bank,
        }
        self._name = uuid.uuid4().hex
        self._check()
        self._recipe = Recipe(_template(url, path, method, json, headers), key, self.job)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._client, self._batch, self._given, self._name)

    def _check(self) -> None:
        for what, value in (("key", self.key), ("job", self.job)):
            if value is not None and not isinstance(value, str):
                raise ConfigurationError(f"{what} must be a str, not {value!r}")
        for name, why in REFUSED.items():
            if name in self._batch:
                raise ConfigurationError(f"batch: {name!r} has no meaning here: {why}")
        Pynector(**self._client).batch_stream((), as_response=True, **self._batch)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """The rates of the client."""
        value = self._setting("rate")
        return () if value is None else rates(value, "rate")

    @property
    def per_origin(self) -> int | None:
        """The client's window of an origin."""
        value: int | None = self._setting("max_concurrency_per_origin")
        return value

    @property
    def lent(self) -> tuple[tuple[Rate, ...], int | None]:
        """The rates and the window of an origin, as a Lender takes them: costs are for the workers to know."""
        return tuple(Rate(rate.requests, rate.per, rate.burst) for rate in self.rates), self.per_origin

    @property
    def is_limited(self) -> bool:
        """Whether there is something that workers would have to share."""
        return self.lent != ((), None)

    def borrowing(self, bank: Bank) -> Requests:
        """Return the same, with rates and windows that are shared with other processes."""
        return _rebuilt(self._client, self._batch, {**self._given, "bank": bank}, self._name)

    def check_sendable(self, dumps: Callable[[Any], object]) -> None:
        """Refuse what cannot be sent to other processes.

        Args:
            dumps: Pickles a value, as the engine does.

        Raises:
            ConfigurationError: It names the argument.
        """
        for where, arguments in (("client: ", self._client), ("batch: ", self._batch), ("", self._given)):
            for name, value in arguments.items():
                try:
                    dumps(value)
                except Exception as error:
                    said = f"{where}{name!r} cannot be sent to workers, as it cannot be pickled: {error}"
                    raise ConfigurationError(said) from error

    # Sending

    def process(self, batches: Iterable[Any], part: str = "") -> Iterator[Any]:
        """Send the requests of batches, several batches at a time, and return them with their answers, in their order.

        Args:
            batches: Record batches: tables or record batches of pyarrow, frames of pandas, dicts of columns, lists of
                dicts. They are read in the thread that asks for results, no faster than is needed.
            part: Which part of the job these are, the same when they come again; Idempotency-Keys are made of it and
                of a record's number where there is no column for them, and `idempotency_key` is asked for.

        Raises:
            ConfigurationError: If a batch is none, or has a column of an answer's name already.
            PynectorError: If the client cannot connect, or was closed.
        """
        running = self._running()
        flight: deque[tuple[Any, Block]] = deque()
        number = 0

        def may_read() -> bool:
            return not flight or (len(flight) < MOST_BATCHES and running.unanswered <= running.few)

        try:
            for batch in batches:
                block = self._block(batch, part, number)
                number += block.answers.count
                running.begin(block)
                flight.append((batch, block))
                while flight and (flight[0][1].done.done() or not may_read()):
                    with running.changed:
                        running.changed.wait_for(lambda: flight[0][1].done.done() or may_read())
                    if flight[0][1].done.done():
                        yield self._finished(*flight.popleft())
            while flight:
                flight[0][1].done.result()
                yield self._finished(*flight.popleft())
        finally:
            for _, block in flight:
                running.drop(block)

    def begin(self, batch: Any, part: str = "") -> Future[Any]:
        """Send the requests of one batch, and return at once; the result is the batch with its answers.

        Where the result is cancelled, what waits to be sent is not sent.

        Args:
            batch, part: See `process`.
        """
        running, block = self._running(), self._block(batch, part, 0)
        result: Future[Any] = Future()

        def finish(done: Future[None]) -> None:
            if not result.set_running_or_notify_cancel():
                return
            try:
                result.set_result(self._finished(batch, block))
            except BaseException as error:
                result.set_exception(error)

        def give_up(result: Future[Any]) -> None:
            if result.cancelled():
                running.drop(block)

        block.done.add_done_callback(finish)
        result.add_done_callback(give_up)
        running.begin(block)
        return result

    def answered(self, batch: Any) -> Any:
        """Return a batch without records as it will be with answers: it shows the columns and their types."""
        self._form.check(names_of(batch))
        return with_columns(batch, self._form.answers(0, not is_typed(batch)).columns())

    def close(self) -> None:
        """Close the client that this process has for this, and for its copies; what is in flight fails."""
        for shares in (False, True):
            _pool.stop((self._name, shares))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # Inside

    def _running(self) -> Running:
        return _pool.get((self._name, self.bank is not None), self._start)

    def _start(self) -> Running:
        window = self._batch.get("max_concurrency") or self._setting("max_concurrency")
        size = window if isinstance(window, int) else ADAPTIVE_WINDOW if window == "auto" else ANY_WINDOW
        return Running(self._client, self._batch, self.rates, self.bank, size + READY)

    def _setting(self, name: str) -> Any:
        return self._client.get(name, (self._client.get("config") or {}).get(name))

    def _block(self, batch: Any, part: str, number: int) -> Block:
        self._form.check(names_of(batch))
        has_keys = self.key is not None or bool(part and (self._batch.get(_KEY) or self._setting(_KEY)))
        records = records_of(batch, self._recipe.wanted)
        entries = self._recipe.entries(records, has_keys, part, number)
        return Block(entries, self._form.answers(length_of(batch), not is_typed(batch)))

    def _finished(self, batch: Any, block: Block) -> Any:
        block.done.result()
        return with_columns(batch, block.answers.columns())


def _rebuilt(client: dict[str, Any], batch: dict[str, Any], given: dict[str, Any], name: str) -> Requests:
    made = Requests(client, batch, **given)
    made._name = name
    return made


def _arguments(given: object, what: str) -> dict[str, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(f"{what} must be a dict of arguments, not {given!r}")
    return dict(given or {})


def _template(
    url: str | None, path: str | None, method: str | None, json: Any, headers: Mapping[str, str] | None
) -> RequestTemplate:
    for name, value in (("url", url), ("path", path), ("method", method)):
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(f"{name} must be a str, not {value!r}")
    if url is not None and path is not None:
        raise ConfigurationError("url and path cannot both be given: one of them says where a request goes")
    return RequestTemplate(
        None if url is None else Template(url, is_url=True),
        None if path is None else Template(path, is_url=True),
        method,
        None if json is None else JSONTemplate(json),
        [(name, Template(value)) for name, value in (headers or {}).items()],
    )
