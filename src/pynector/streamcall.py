"""What `client.stream` returns: one request, from the call to the end of its `async with`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from .dispatch.endings import closed, escaped
from .dispatch.turn import Turn
from .errors import ConfigurationError, PynectorError
from .eventloop import has_escaped
from .lifecycle import Lifecycle
from .opening import ToEnter
from .session import Session, cause_of
from .telemetry import ObservedRequest, Telemetry


class StreamCall(ToEnter):
    """Connects if that is needed, tells, and gives the answer while it comes.

    Args:
        lifecycle: Gives the client's session.
        telemetry: Is told, or None.
        data, options: See `Pynector.stream`.
        limit: Seconds that it may take; math.inf for no end.
        turn: Makes what it has to wait for before it begins, of a session, data, options and seconds; None: of nothing.
    """

    __slots__ = (
        "_data",
        "_is_entered",
        "_lifecycle",
        "_limit",
        "_make_turn",
        "_manager",
        "_observed",
        "_options",
        "_response",
        "_session",
        "_telemetry",
        "_turn",
    )

    call = "client.stream"

    def __init__(
        self,
        lifecycle: Lifecycle,
        telemetry: Telemetry | None,
        data: Any,
        options: dict[str, Any],
        limit: float,
        turn: Callable[[Session, Any, dict[str, Any], float], Turn] | None = None,
    ) -> None:
        self._lifecycle = lifecycle
        self._telemetry = telemetry
        self._data = data
        self._options = options
        self._limit = limit
        self._make_turn = turn
        self._is_entered = False
        self._observed: ObservedRequest | None = None
        self._session: Session | None = None
        self._manager: AbstractAsyncContextManager[Any] | None = None
        self._turn: Turn | None = None
        self._response: Any = None

    def __aenter__(self) -> Coroutine[Any, Any, Any]:
        if self._is_entered:
            raise PynectorError("what client.stream(...) returns can be entered once")
        self._is_entered = True
        telemetry = self._telemetry
        if telemetry is not None and telemetry.listening():
            return self._opened_inside(telemetry)
        return self._opened()

    async def _opened_inside(self, telemetry: Telemetry) -> Any:
        """Open it with its span as the current one."""
        self._observed = observed = telemetry.stream(self._data, timeout=self._limit)
        with observed.current():
            return await self._opened()

    async def _opened(self) -> Any:
        try:
            session, left = self._lifecycle.session, self._limit
            if session is None or not session.is_ready():
                session, left = await self._lifecycle.ready(left)
            self._session = session
            if session.open_stream is None:
                raise ConfigurationError(f"{type(session.transport).__name__} has no stream(): use request()")
            session.singles += 1
            try:
                if self._make_turn is not None:
                    left = await self._its_turn(session, self._make_turn, left)
                if self._observed is None or not session.observable:
                    manager = session.open_stream(self._data, self._options, left)
                else:
                    manager = session.open_stream(self._data, self._options, left, observer=self._observed.observer())
                self._manager = manager
                response = self._response = await manager.__aenter__()
                return response
            except BaseException as error:
                session.singles -= 1
                if self._turn is not None:
                    self._turn.end(error, True)
                if isinstance(error, Exception):
                    raise session.failure(error, self._data, self._options, self._limit) from cause_of(error)
                if not has_escaped(error):
                    raise
                raise session.failure(escaped(), self._data, self._options, self._limit) from error
        except BaseException as error:
            self._tell(error, True)
            raise

    async def _its_turn(
        self, session: Session, make: Callable[[Session, Any, dict[str, Any], float], Turn], left: float
    ) -> float:
        """Wait for the turn of this, and return what is left of its time."""
        started = session.runtime.clock()
        self._turn = make(session, self._data, self._options, left)
        with session.guard():
            await self._turn.wait()
        if session.is_closed:
            raise closed()
        return left - (session.runtime.clock() - started)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        session, manager, self._manager = self._session, self._manager, None
        if session is None or manager is None:
            raise PynectorError("client.stream(...) was left without having been entered")
        try:
            if self._observed is None:
                suppressed = await manager.__aexit__(kind, error, trace)
            else:
                with self._observed.current():
                    suppressed = await manager.__aexit__(kind, error, trace)
        except BaseException as failure:
            self._ended(session, failure, failure is not error or self._is_its_own(failure))
            raise
        self._ended(session, error, self._is_its_own(error))
        return suppressed

    def _is_its_own(self, error: BaseException | None) -> bool:
        """Say whether what came out of the `async with` may be of this: an error of another request names that one."""
        if not isinstance(error, PynectorError):
            return False
        name = getattr(self._response, "request_name", None)
        return name is None or error.request is None or error.request == name

    def _ended(self, session: Session, error: BaseException | None, is_its_own: bool) -> None:
        """Count what came of it, and tell."""
        self._response = None
        session.singles -= 1
        if self._turn is not None:
            self._turn.end(error, is_its_own)
        if error is None:
            session.counters.requests += 1
        elif is_its_own and isinstance(error, PynectorError):
            session.counters.failed(error)
        if error is not None or self._observed is not None:
            self._tell(error, is_its_own)

    def _tell(self, error: BaseException | None, is_its_own: bool) -> None:
        if self._observed is not None:
            self._observed.left(error, is_its_own)
        elif self._telemetry is not None and is_its_own and isinstance(error, PynectorError):
            # Errors may be heard where nothing else is.
            self._telemetry.failed(error)
