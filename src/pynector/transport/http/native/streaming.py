"""Responses whose body is read while it comes, at the pace of the slower side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...contract import RequestObserver
from ..headers import Headers
from ..request import PreparedRequest
from ..response import Response
from .exchange import Exchange
from .incoming import Incoming
from .submitter import Sender, Submitter
from .wire import request_of


class IncomingStream(Incoming):
    """Gives a response as it comes in to one reader; see RawStream."""

    __slots__ = ()

    @property
    def headers(self) -> Headers:
        """See RawStream."""
        return Headers.of_head(self.start)

    @property
    def http_version(self) -> str:
        """See RawStream."""
        return f"HTTP/{self.version}"

    @property
    def history(self) -> tuple[Response, ...]:
        """See RawStream."""
        history: tuple[Response, ...] = self.exchange.history
        return history

    @property
    def request(self) -> PreparedRequest:
        """See RawStream; it is decoded again when it is asked for."""
        return request_of(self.exchange)

    async def receive(self) -> bytes:
        """See RawStream."""
        while (piece := self.taken()) is None:
            await self.news()
        received: bytes = piece
        return received

    async def aclose(self) -> None:
        """See RawStream."""
        self.leave()


class Streams:
    """Opens them.

    Args:
        answers: Says where each response leads.
        tasks: Says what time it is; and see Incoming.
        submitter: Sends what its encoder can write.
        sender: Sends everything else.
        prepared: Makes a PreparedRequest of data and options for it.
    """

    __slots__ = ("_answers", "_prepared", "_sender", "_submitter", "_tasks")

    def __init__(
        self,
        answers: Any,
        tasks: Any,
        submitter: Submitter,
        sender: Sender,
        prepared: Callable[[Any, Mapping[str, Any]], PreparedRequest],
    ) -> None:
        self._answers = answers
        self._tasks = tasks
        self._submitter = submitter
        self._sender = sender
        self._prepared = prepared

    async def open(
        self, data: Any, options: Mapping[str, Any], timeout: float, observer: RequestObserver | None
    ) -> IncomingStream:
        """See Engine."""
        stream = self._begun(data, options, timeout, observer)
        try:
            while not stream.arrived():
                await stream.news()
        except BaseException:
            stream.leave()
            raise
        return stream

    def _begun(self, data: Any, options: Any, timeout: float, observer: Any) -> IncomingStream:
        """Send a request, whose response the stream takes."""
        now = self._tasks.now()
        exchange = Exchange.__new__(Exchange)
        exchange.begin(self._answers, data, options, now + timeout, None, 0, now)
        exchange.observer = observer
        stream = IncomingStream(self._answers, self._tasks, exchange)
        if not self._submitter.start(exchange, now):
            try:
                exchange.data = self._prepared(data, options)
            except BaseException:
                stream.forget()
                raise
            self._sender.submit(exchange, now)
        return stream
