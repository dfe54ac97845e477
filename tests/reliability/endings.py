"""Counts how often each request ends that is given to a transport's `submit`: once, or not at all if it is given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from pynector.transport.http import HTTPTransport
from pynector.transport.websocket import WebSocketTransport


class Ending:
    """Stands before a request's completion, and before its handle."""

    def __init__(self, completion: Any) -> None:
        self._completion = completion
        self._handle: Any = None
        self.times = 0
        self.given_up = False
        self.late = False

    def attach(self, handle: Any) -> Any:
        self._handle = handle
        return None if handle is None else self

    def cancel(self) -> None:
        self.given_up = True
        self._handle.cancel()

    def succeed(self, token: int, response: Any) -> None:
        self._end()
        self._completion.succeed(token, response)
        self.told()

    def fail(self, token: int, error: BaseException) -> None:
        self._end()
        self._completion.fail(token, error)
        self.told()

    def told(self) -> None:
        """Do what else its caller does; that may fail."""

    def _end(self) -> None:
        self.times += 1
        self.late = self.late or self.given_up

    def fault(self) -> str | None:
        if self.late:
            return "a request ended after it was given up"
        if self.times != 1 and not self.given_up:
            return f"a request ended {self.times} times"
        return None


class Endings:
    """Those of all requests since the last time that somebody asked."""

    def __init__(self) -> None:
        self._all: list[Ending] = []
        self._raised: list[str] = []

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count those of every HTTP and WebSocket transport that is connected inside."""
        with self._counting(HTTPTransport), self._counting(WebSocketTransport):
            yield

    def _counting(self, kind: Any) -> Any:
        connect = kind.connect

        async def connect_counted(transport: Any) -> None:
            before = transport.submit
            await connect(transport)
            if transport.submit not in (None, before):
                transport.submit = _Submit(transport.submit, self)

        return patch.object(kind, "connect", connect_counted)

    def begin(self, completion: Any) -> Ending:
        """Count those of one more request."""
        ending = Ending(completion)
        self._all.append(ending)
        return ending

    def raised(self, error: BaseException) -> None:
        """Take note that `submit` raised, which it must not."""
        self._raised.append(f"submit raised {error!r}")

    def take(self) -> list[str]:
        """Tell what was wrong since the last time."""
        faults = [*self._raised, *filter(None, (ending.fault() for ending in self._all))]
        self._all, self._raised = [], []
        return faults


class _Submit:
    def __init__(self, submit: Callable[..., Any], endings: Endings) -> None:
        self._submit = submit
        self._endings = endings

    def __call__(self, data: Any, options: Any, deadline: float, completion: Any, token: int, **observer: Any) -> Any:
        ending = self._endings.begin(completion)
        try:
            return ending.attach(self._submit(data, options, deadline, ending, token, **observer))
        except Exception as error:
            self._endings.raised(error)
            raise
        except BaseException:
            # What is no error goes to the caller as it is.
            ending.given_up = True
            raise
