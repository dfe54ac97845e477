"""A response of httpx whose body is read while it comes."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio

from ...errors import TimeoutError, TransportError
from .headers import Pair
from .request import PreparedRequest

# A body up to this size is read rather than its connection closed (bytes).
WORTH_READING = 1 << 16


class HttpxStream:
    """See RawStream.

    Args:
        request: What the response answers.
        response: httpx's response, its head read.
        headers: Its header fields.
        deadline: When its body must have been read, on AnyIO's clock in seconds.
        progress: How far it has come.
        translate: Makes a TransportError of an exception of httpx and the progress.
    """

    def __init__(
        self,
        request: PreparedRequest,
        response: Any,
        headers: list[Pair],
        deadline: float,
        progress: Any,
        translate: Callable[[Exception, Any], TransportError],
    ) -> None:
        self.request = request
        self.status: int = response.status_code
        self.headers = headers
        self.http_version: str = response.http_version
        self._response = response
        self._pieces: AsyncIterator[bytes] = response.aiter_raw()
        self._deadline = deadline
        self._progress = progress
        self._translate = translate
        self._ended = False

    async def receive(self) -> bytes:
        """See RawStream."""
        try:
            with within(self._deadline, self.request.label, self._progress):
                piece = await anext(self._pieces, b"")
        except (TimeoutError, TransportError):
            raise
        except Exception as error:
            problem = self._translate(error, self._progress)
            problem.request = self.request.label
            raise problem from error
        self._ended = not piece
        return piece

    async def drop(self) -> None:
        """Read a body that nobody wants, so that its connection can be used again, unless it is long."""
        size = 0
        while size < WORTH_READING and (piece := await self.receive()):
            size += len(piece)
        await self.aclose()

    async def aclose(self) -> None:
        """See RawStream."""
        await self._response.aclose()
        if self._ended:
            return
        try:
            # httpcore's generators are in the middle, of which trio complains; now they end by themselves.
            async for _ in self._pieces:
                pass
        except Exception:
            # What is wrong with a body that nobody wants is of no concern.
            return


@contextmanager
def within(deadline: float, request: str, progress: Any) -> Iterator[None]:
    """Raise TimeoutError if what is done inside is not over at a deadline, on AnyIO's clock in seconds."""
    with anyio.CancelScope(deadline=deadline) as scope:
        yield
    if scope.cancelled_caught:
        raise TimeoutError("no whole answer in time", request=request, phase=progress.phase, sent=progress.sent)


def deadline_after(timeout: float) -> float:
    """Give the time on AnyIO's clock that is `timeout` seconds from now."""
    return math.inf if timeout == math.inf else anyio.current_time() + timeout
