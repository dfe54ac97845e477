"""`pynector load`: requests to one URL, at a rate or as answers come, and how long they took."""

from __future__ import annotations

import signal
from contextlib import nullcontext, suppress
from typing import Any

import anyio

from ..client import Pynector
from ..errors import ConfigurationError, PynectorError
from ..transport import get_transport_factory_registry
from ..transport.http.options import HTTPOptions
from ..transport.http.request import prepare
from ..transport.http.urls import without_secrets
from .info import build, event_loop, python
from .installed import has
from .meter import Meter
from .outcome import Outcome
from .pace import Pace, Plan
from .request import fields_of, request_of
from .screen import Screen, open_screen
from .showing import Display
from .streams import complain, give_up_stdout
from .summary import Summary
from .targets import Target, refusal, target_of

INTERRUPTED = 130

USUAL_SECONDS = 10.0
USUAL_WINDOW = 10

# At a rate it is no plan, but what keeps a server that hangs from taking all descriptors.
MOST_AT_A_RATE = 1000

# Beside connections: files, pipes, and those of the event loop.
OTHER_DESCRIPTORS = 100

# The widest that a histogram is drawn.
WIDEST = 140


def run(arguments: Any) -> int:
    """Send the load, print what came of it, and return the exit status."""
    try:
        load = Load(arguments)
    except ConfigurationError as error:
        complain(error)
        return 2
    except OSError as error:
        complain(f"{without_secrets(arguments.url)}: {error.strerror or error}")
        return 1
    refused = refusal(load.target, arguments.yes)
    if refused is not None:
        complain(refused)
        return 2
    try:
        return load.run(open_screen(WIDEST))
    except PynectorError as error:
        complain(error)
        return 2 if isinstance(error, ConfigurationError) else 1
    except BrokenPipeError:
        raise
    except OSError as error:
        complain(f"cannot write: {error.strerror or error}")
        give_up_stdout()
        return 1


class Load:
    """One run of the command.

    Args:
        arguments: The command line.

    Attributes:
        target: Where connections go.

    Raises:
        ConfigurationError: If something of it cannot be.
        OSError: If the URL's host has no address.
    """

    def __init__(self, arguments: Any) -> None:
        self._arguments = arguments
        rate = None if arguments.rate is None else arguments.rate.requests / arguments.rate.per
        window = arguments.concurrency or (USUAL_WINDOW if rate is None else MOST_AT_A_RATE)
        seconds = arguments.duration or (None if arguments.requests else USUAL_SECONDS)
        self._plan = Plan(rate, window, arguments.warmup, seconds, arguments.requests)
        fields = fields_of(arguments)
        self._options: dict[str, Any] = {"headers": fields}
        if arguments.http2:
            self._options["http2"] = True
        options = HTTPOptions(self._options, "pynector")
        request = request_of(arguments)
        prepared = prepare(request, {}, options)
        if "json" in request:
            # Once, and not for each request.
            del request["json"]
            request["content"] = prepared.body
            fields.append(("Content-Type", "application/json"))
        request["method"] = self._method = prepared.method
        self._request = request
        self._url = without_secrets(str(prepared.url))
        self.target: Target = target_of(prepared.url, options)
        self._summary = Summary()
        self._pace = Pace(self._plan, (request, {}), self._summary.latencies)
        self._display = Display(not arguments.quiet, True, self._summary.latencies)
        self._was_interrupted = False

    def run(self, screen: Screen) -> int:
        """Send the requests, print what came of them, and return the exit status."""
        screen.line(f"Pynector ({build()}), {python()}, {event_loop()}")
        outcome = Outcome(self._method, self._url, self._plan, self._pace, self._summary)
        outcome.announce(screen)
        _allow(self._plan.window + OTHER_DESCRIPTORS)
        try:
            anyio.run(self._go, backend_options={"use_uvloop": has("uvloop")})
        except KeyboardInterrupt:
            # Where signals cannot be received.
            self._interrupt()
        outcome.tell(screen)
        status = self._write(outcome)
        if self._was_interrupted:
            return INTERRUPTED
        return status or int(not outcome.is_good)

    # Sending

    async def _go(self) -> None:
        receiver = nullcontext(None)
        with suppress(NotImplementedError):
            receiver = anyio.open_signal_receiver(signal.SIGINT)  # type: ignore[assignment]
        problem: PynectorError | None = None
        with receiver as signals:
            async with anyio.create_task_group() as group:
                if signals is not None:
                    group.start_soon(self._watch, signals, group.cancel_scope)
                try:
                    await self._send()
                except PynectorError as error:
                    # The group would make another one of it.
                    problem = error
                group.cancel_scope.cancel()
        if problem is not None:
            raise problem

    async def _watch(self, signals: Any, scope: anyio.CancelScope) -> None:
        async for _ in signals:
            self._interrupt()
            scope.cancel()
            return

    def _interrupt(self) -> None:
        self._was_interrupted = True
        self._pace.stop()

    async def _send(self) -> None:
        plan = self._plan
        options = {
            **self._options,
            "max_connections": plan.window,
            "keepalive_expiry": 600.0,
            "as_response": True,
            # They may lead elsewhere.
            "follow_redirects": False,
            "resolve": self.target.resolve,
        }
        factory = get_transport_factory_registry().get("http")
        meter = Meter(factory.create_transport(**options), self._pace.note)
        timeout = {} if self._arguments.timeout is None else {"timeout": self._arguments.timeout}
        self._expect()
        try:
            async with (
                Pynector(transport=meter, enable_telemetry=False, **timeout) as client,
                client.batch_stream(
                    self._pace.entries(), max_concurrency=plan.window, on_progress=self._display.show
                ) as results,
            ):
                async for item in results:
                    if self._pace.counts(item.index):
                        self._summary.count(item)
        finally:
            self._pace.finish()
            self._display.end()
            with anyio.CancelScope(shield=True):
                await meter.disconnect()

    def _expect(self) -> None:
        plan = self._plan
        if plan.seconds is not None:
            self._display.expect(None, plan.warm_up + plan.seconds)
        elif not plan.warm_up:
            self._display.expect(plan.count)

    def _write(self, outcome: Outcome) -> int:
        """Write what is to be written to files, and return the exit status of that."""
        status = 0
        for path, make in ((self._arguments.summary_json, outcome.figures), (self._arguments.plot, outcome.picture)):
            if path is not None:
                try:
                    path.write_text(make(), encoding="utf-8")
                except OSError as error:
                    complain(f"cannot write {path}: {error.strerror}")
                    status = 1
        return status


def _allow(descriptors: int) -> None:
    """Let this process have so many descriptors, as far as the system lets it."""
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < descriptors:
            most = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (ImportError, OSError, ValueError):
        pass
