"""Responses whose body is read while it comes, at the pace of the slower side."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from ....errors import PynectorError
from ..headers import Headers
from ..request import PreparedRequest
from ..response import RawResponse
from .answering import Answers
from .exchange import Exchange
from .head import is_redirect
from .tasks import Tasks
from .wire import request_of

# When this much of a body waits for its reader, the socket is not read until half of it is taken (bytes).
HIGH_WATER = 1 << 18

# What it costs to keep a chunk, whatever its size (bytes).
OVERHEAD = 64


class IncomingStream:
    """Takes a response as its connection reads it, and gives it to one reader; see RawStream.

    Args:
        answers: Says where the response leads.
        tasks: Where its connection is read.
        exchange: The request; this becomes its sink and its completion.

    Attributes:
        is_open: Whether the head has come.
    """

    status: int
    headers: Headers
    http_version: str

    def __init__(self, answers: Answers, tasks: Tasks, exchange: Exchange) -> None:
        self._answers = answers
        self._tasks = tasks
        self._exchange = exchange
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self.is_open = False
        self._elsewhere: PreparedRequest | None = None
        self._is_paused = False
        self._ended = False
        self._error: BaseException | None = None
        self._problem: PynectorError | None = None
        self._following: PreparedRequest | None = None
        self._waiter: asyncio.Future[None] | None = None
        exchange.sink = self
        exchange.completion = self

    @property
    def request(self) -> PreparedRequest:
        """See RawStream; it is decoded again when it is asked for."""
        return request_of(self._exchange)

    # The connection's calls

    def head(self, connection: Any, status: int, head: bytes, version: str) -> None:
        """Take the head of a final response: it is the answer's, or leads to another."""
        exchange = self._exchange
        if exchange.observer is not None:
            exchange.observer.head(status, f"HTTP/{version}")
        raw = RawResponse(status, Headers.of_head(head), b"", f"HTTP/{version}")
        if is_redirect(status):
            try:
                self._following = self._answers.next_hop(exchange, self.request, raw)
            except PynectorError as problem:
                self._problem = problem
        if self._following is None and self._problem is None:
            self.status, self.headers, self.http_version = status, raw.headers, raw.http_version
            self.is_open = True
            self._wake()

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the body; that of a redirect is of no use."""
        # An empty one would be the end.
        if not self.is_open or not chunk:
            return
        self._chunks.append(chunk)
        self._size += len(chunk) + OVERHEAD
        if self._size > HIGH_WATER and not self._is_paused:
            self._is_paused = True
            self._exchange.connection.transport.pause_reading()
        self._wake()

    def end(self) -> None:
        """Take the end of the body; another request may read from the connection after this."""
        self._resume()

    # The answer's calls

    def conclude(self) -> None:
        """Go where the response leads."""
        following, self._following = self._following, None
        if self._problem is not None:
            self._answers.failed(self._exchange, self._problem)
        elif following is not None and self._answers.may_follow(following):
            self._answers.follow(self._exchange, following)
        else:
            if following is not None:
                self._exchange.hops += 1
                self._elsewhere = following
            self._exchange.succeed(None)

    def succeed(self, token: int, response: Any) -> None:
        """See Completion."""
        self._ended = True
        self._wake()

    def fail(self, token: int, error: BaseException) -> None:
        """See Completion."""
        self._error = error
        self._wake()

    # The reader's calls

    async def opened(self) -> PreparedRequest | None:
        """Wait for the head, and return None; or what to send elsewhere, where a redirect leads there.

        Raises:
            PynectorError: If the exchange failed.
        """
        while not self.is_open:
            if self._error is not None:
                raise self._error
            if self._elsewhere is not None:
                return self._elsewhere
            await self._wait()
        return None

    async def receive(self) -> bytes:
        """See RawStream."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            await self._wait()
        chunk = self._chunks.popleft()
        self._size -= len(chunk) + OVERHEAD
        if self._is_paused and self._size <= HIGH_WATER // 2:
            self._resume()
        return chunk

    async def aclose(self) -> None:
        """See RawStream."""
        self._chunks.clear()
        self._exchange.cancel()
        # They would keep each other.
        self._exchange.sink = None

    def _resume(self) -> None:
        connection = self._exchange.connection
        if self._is_paused and connection is not None and connection.transport is not None:
            self._is_paused = False
            self._tasks.call(connection.transport.resume_reading)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
