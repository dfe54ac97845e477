"""`pynector batch`: the requests of a file, and their results as lines of JSON."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from ..dispatch.item import Item as BatchItem
from ..dispatch.limits import Rate
from ..dispatch.retry import RetryPolicy
from ..dispatch.stream import BatchStream
from ..errors import ConfigurationError, PynectorError, TransportError
from ..templates import BadField, RequestTemplate, Template
from ..transport.http.options import HTTPOptions
from ..transport.http.request import prepare
from .arguments import HeaderField, flat
from .described import Templates, is_harmless
from .inputs import BadInput, Input
from .installed import has
from .lines import Writer
from .locking import Lock
from .outputs import BadOutput, Done, Output, resumed
from .request import client_of
from .showing import Display
from .streams import complain, give_up_stdout
from .summary import Summary
from .underway import UnderWay

# How many requests a dry run shows, and how many bad lines are told one by one.
FEW = 5
MOST_TOLD = 20

# How much of a body a dry run shows (bytes).
MOST_SHOWN = 1000

# Lines that come in one turn of the event loop are written together, up to so much (bytes).
MOST_KEPT = 1 << 17

Entry = tuple[dict[str, Any], dict[str, Any]]


def run(arguments: Any) -> int:
    """Run the batch, and return the exit status."""
    with ExitStack() as stack:
        try:
            source = Input(arguments.file, arguments.format)
            stack.callback(source.close)
            batch = Batch(arguments, source)
            if arguments.dry_run:
                return batch.show()
            batch.open(stack)
            return batch.run()
        except (BadInput, BadOutput, ConfigurationError) as error:
            complain(error)
            return 2
        except OSError as error:
            complain(f"cannot write {arguments.output or 'the output'}: {error.strerror or error}")
            return 1


class Batch:
    """One run of the command.

    Args:
        arguments: The command line.
        source: Where the records come from.
    """

    def __init__(self, arguments: Any, source: Input) -> None:
        if (arguments.cost is None) != (arguments.cost_rate is None):
            raise ConfigurationError("--cost and --cost-rate need one another")
        if arguments.retry_failed and not arguments.resume:
            raise ConfigurationError("--retry-failed needs --resume")
        self._arguments = arguments
        self._source = source
        self._given = flat(arguments.headers)
        constant, changing = _headers(self._given)
        template = RequestTemplate(arguments.url, arguments.path, arguments.method, arguments.json, changing)
        templates = Templates(template, arguments.key, arguments.cost)
        self._client: dict[str, Any] = {"headers": constant}
        if arguments.base_url is not None:
            self._client["base_url"] = arguments.base_url
        self._options = HTTPOptions(self._client, "pynector")
        self._done = Done(arguments.key is not None) if arguments.resume else None
        writer = Writer(self._options, arguments.include_headers)
        self._under_way = UnderWay(
            templates, writer, arguments.shard, arguments.limit, self._done, self._skip, self._bad
        )
        self._output: Output
        self._summary = Summary()
        self._display = Display(not arguments.quiet, arguments.output is not None, self._summary.latencies)
        self._started = time.monotonic()
        self._is_stopping = False
        self._was_interrupted = False
        self._problem: Exception | None = None

    def open(self, stack: ExitStack) -> None:
        """Open the output.

        Raises:
            BadOutput: If it is there, and is not to be gone on with, or another run writes to it.
        """
        path: Path | None = self._arguments.output
        if path is None and self._arguments.resume:
            raise BadOutput("--resume needs --output: it goes on with that file")
        if path is not None:
            self._open_file(path, stack)
        self._output = Output(path)
        stack.callback(self._output.close)

    def _open_file(self, path: Path, stack: ExitStack) -> None:
        lock = Lock(path)
        stack.callback(lock.release)
        if self._done is not None:
            resumed(path, self._done, self._arguments.retry_failed)
            lock.follow()
        elif path.is_file() and path.stat().st_size:
            raise BadOutput(f"{path} is there already: give --resume to go on with it, or another name")

    def run(self) -> int:
        """Send the requests, tell of them, and return the exit status."""
        anyio.run(self._go, backend_options={"use_uvloop": has("uvloop")})
        seconds = time.monotonic() - self._started
        if not self._arguments.quiet and not isinstance(self._problem, BrokenPipeError):
            for line in self._summary.lines(seconds):
                self._display.say(line)
            if self._done is not None and self._done.failures:
                self._display.say(f"  before    {self._done.failures:,} failed; --retry-failed sends them again")
        status = self._status()
        path: Path | None = self._arguments.summary_json
        if path is not None:
            try:
                path.write_text(json.dumps(self._summary.figures(seconds), indent=1) + "\n")
            except OSError as error:
                complain(f"cannot write {path}: {error.strerror}")
                return status or 1
        return status

    def _status(self) -> int:
        problem = self._problem
        if isinstance(problem, BrokenPipeError):
            give_up_stdout()
            return 1
        if problem is not None:
            complain(f"cannot write: {problem.strerror}" if isinstance(problem, OSError) else problem)
        if problem is not None or self._was_interrupted or self._is_stopping:
            self._tell_how_to_go_on()
        if self._was_interrupted:
            return 130
        if problem is not None:
            return 2 if isinstance(problem, (BadInput, BadOutput, ConfigurationError)) else 1
        return 1 if self._summary.failed or (self._done is not None and self._done.failures) else 0

    def _tell_how_to_go_on(self) -> None:
        if self._arguments.output is not None:
            complain("to go on, give the same command with --resume")
        elif self._was_interrupted:
            complain("with --output FILE it could go on another time")

    # Sending

    async def _go(self) -> None:
        receiver = nullcontext(None)
        with suppress(NotImplementedError):
            receiver = anyio.open_signal_receiver(signal.SIGINT)  # type: ignore[assignment]
        with receiver as signals:
            async with anyio.create_task_group() as group:
                try:
                    await self._send(signals, group)
                except (BadInput, BadOutput, PynectorError, OSError) as error:
                    self._problem = error
                finally:
                    group.cancel_scope.cancel()

    async def _send(self, signals: Any, group: Any) -> None:
        entries = self._entries_as_they_come() if self._source.may_wait else self._entries()
        self._display.expect(self._expected())
        self._started = time.monotonic()
        loop, pipe = asyncio.get_running_loop(), self._output.pipe
        if pipe is not None:
            pipe.failed = partial(self._give_up, group)
        try:
            async with (
                client_of(self._arguments, **self._client) as client,
                client.batch_stream(entries, **self._batch_options()) as results,
            ):
                if signals is not None:
                    group.start_soon(self._watch, signals, results, group)
                async for item in results:
                    if self._is_stopping and _was_never_sent(item):
                        self._under_way.forget(item)
                        continue
                    if self._under_way.take(item) == 1:
                        loop.call_soon(self._write_in_time, group)
                    elif self._under_way.size >= MOST_KEPT:
                        self._write()
                    if pipe is not None and pipe.is_behind:
                        # What is in flight goes on meanwhile, and nothing is late because somebody reads slowly.
                        await pipe.taken()
                    if item.error is not None and self._arguments.fail_fast and not self._is_stopping:
                        self._is_stopping = True
                        results.drain()
        finally:
            try:
                self._write()
                if pipe is not None:
                    await pipe.taken()
            finally:
                self._display.end()

    async def _watch(self, signals: AsyncIterator[Any], results: BatchStream, group: Any) -> None:
        async for _ in signals:
            if self._was_interrupted:
                group.cancel_scope.cancel()
                return
            self._was_interrupted = self._is_stopping = True
            results.drain()
            complain("finishing what is in flight; Ctrl-C again stops at once")

    def _write(self) -> None:
        """Write the lines that there are, and count those that are written."""
        lines, items = self._under_way.to_write()
        if lines:
            self._output.write(lines)
        for item in items:
            self._summary.add(item)

    def _write_in_time(self, group: Any) -> None:
        try:
            self._write()
        except OSError as error:
            self._give_up(group, error)

    def _give_up(self, group: Any, problem: OSError) -> None:
        self._problem = problem
        group.cancel_scope.cancel()

    def _batch_options(self) -> dict[str, Any]:
        given = self._arguments
        rates = list(given.rate or ())
        if given.cost_rate is not None:
            rates.append(Rate(given.cost_rate.requests, given.cost_rate.per, cost=_cost))
        retry = None
        if given.retries or given.attempt_timeout is not None:
            retry = RetryPolicy(1 + given.retries, attempt_timeout=given.attempt_timeout)
        return {
            "max_concurrency": given.concurrency,
            "max_concurrency_per_origin": given.per_origin,
            "rate": rates or None,
            "retry": retry,
            "idempotency_key": given.idempotency_key or None,
            "ordered": given.ordered,
            "on_progress": self._display.show,
            "as_response": True,
        }

    # Entries

    def _entries(self) -> Iterator[Entry]:
        for records in self._source.pieces():
            yield from self._under_way.entries(records)
            if self._under_way.is_full:
                break
        self._display.expect(self._under_way.begun)

    async def _entries_as_they_come(self) -> AsyncIterator[Entry]:
        async for records in self._source.pieces_as_they_come():
            for entry in self._under_way.entries(records):
                yield entry
            if self._under_way.is_full:
                break
        self._display.expect(self._under_way.begun)

    def _skip(self) -> None:
        self._summary.skipped += 1
        self._display.skip()

    def _bad(self, line: int, problem: BadField) -> None:
        if not self._arguments.skip_bad:
            raise BadInput(f"line {line}: {problem} (--skip-bad goes on without it)")
        self._summary.bad += 1
        self._display.skip()
        if self._summary.bad <= MOST_TOLD and not self._arguments.quiet:
            complain(f"line {line} is left out: {problem}")

    def _expected(self) -> int | None:
        """Return how many records there are, about, or None."""
        if self._arguments.quiet:
            return None
        count = self._source.count()
        if count is None:
            return None
        mine: int = -(-count // self._arguments.shard[1])
        return mine if self._arguments.limit is None else min(mine, self._arguments.limit)

    # A dry run

    def show(self) -> int:
        """Print the first requests as they would go out, and return the exit status."""
        most = self._arguments.limit or FEW
        for number, (request, _) in enumerate(self._entries(), 1):
            print(self._shown(request), flush=True)
            if number == most:
                break
        return 0

    def _shown(self, request: dict[str, Any]) -> str:
        prepared = prepare(request, {}, self._options)
        lines = [f"{prepared.method} {prepared.url}"]
        for name, value in prepared.headers:
            lines.append(f"{name}: {value if is_harmless(name, self._given) else '(not shown)'}")
        body = prepared.body if isinstance(prepared.body, bytes) else b""
        text = body[:MOST_SHOWN].decode("utf-8", "replace")
        return "\n".join([*lines, "", *([text, ""] if text else [])])


def _headers(given: list[HeaderField]) -> tuple[list[tuple[str, str]], list[tuple[str, Template]]]:
    """Return the header fields that all requests have, and those that differ."""
    constant, changing = [], []
    for field in given:
        template = Template(field.value)
        if field.is_hidden:
            constant.append((field.name, field.value))
        elif template.is_constant:
            constant.append((field.name, template.filled({})))
        else:
            changing.append((field.name, template))
    return constant, changing


def _was_never_sent(item: BatchItem) -> bool:
    """Say whether an entry was read, and never sent, as the batch was to end."""
    return not item.attempts and isinstance(item.error, TransportError)


def _cost(data: Any, options: Any) -> float:
    cost: float = options["key"]
    return cost
