"""A response of httpcore whose body is read while it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel

from ...._speedups.accumulator import NO_LIMIT, Accumulator
from ....errors import PynectorError, TransportError
from ..answers import raw_limit
from ..decoding import too_large
from ..flows import PATIENCE, WORTH_READING
from ..headers import Headers
from .run import Run


class HttpxStream:
    """See RawStream.

    Args:
        run: What the response answers.
        response: httpcore's response, its head read.
    """

    def __init__(self, run: Run, response: Any) -> None:
        self.request = run.request
        self.status: int = response.status
        self.headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        self.encoded = "content-encoding" in self.headers
        # What stands in for connections, as respx does, may not say.
        version = response.extensions.get("http_version", b"HTTP/1.1")
        self.http_version: str = version.decode("ascii", "replace")
        self.settings = run.settings
        self.history = run.history
        self._run = run
        self._response = response
        self._pieces: AsyncIterator[bytes] = aiter(response.stream)
        self._note_keep_alive()
        self._ended = False
        self._is_broken = False
        self._is_read = False
        self._kept: Accumulator | None = None
        self._again = b""

    def _note_keep_alive(self) -> None:
        told = self.headers.get("keep-alive", "")
        for part in told.split(","):
            name, _, seconds = part.strip().partition("=")
            stream = self._response.extensions.get("network_stream")
            if name.strip().lower() == "timeout" and seconds.strip().isdigit() and hasattr(stream, "keep_for"):
                stream.keep_for(float(seconds[:9]))

    @property
    def peer(self) -> Any:
        """The address and port of the peer, or None if they are not known."""
        network = self._response.extensions.get("network_stream")
        return None if network is None else network.get_extra_info("server_addr")

    def taken(self) -> bytes | None:
        """See RawStream."""
        return None

    async def receive(self) -> bytes:
        """See RawStream."""
        if self._is_read:
            said = "the body of a streamed response is read by one task at a time"
            raise PynectorError(said, request=self.request.label)
        self._is_read = True
        try:
            with self._run.in_time():
                return await self._run.told(self._next)
        finally:
            self._is_read = False

    async def read(self) -> bytes:
        """Read the whole body.

        Raises:
            ResponseTooLarge: If it is longer than the request's settings allow.
        """
        body = self._room()
        while piece := await self._next():
            self._put(piece, body)
        return body.finish()

    async def drop(self) -> None:
        """Read a body that nobody wants, so that its connection can be used again, unless it is long or slow.

        What is wrong with it is of no concern.
        """
        size = 0
        with suppress(Exception), anyio.move_on_after(PATIENCE):
            while size <= WORTH_READING and (piece := await self._next()):
                size += len(piece)
        await self._close()

    async def aclose(self) -> None:
        """See RawStream."""
        self._run.over()
        with anyio.CancelScope(shield=True):
            await self._close()

    def keep(self) -> None:
        """Keep what `receive_kept` gives, until `rewind`."""
        self._kept = self._room()

    async def receive_kept(self) -> bytes:
        """See FlowAnswer."""
        try:
            return await self._next()
        except Exception as error:
            problem = self._run.problem(error)
        raise problem

    def rewind(self) -> None:
        """Give what a flow has read once more."""
        if self._kept is not None:
            self._again, self._kept = self._kept.finish(), None

    async def _next(self) -> bytes:
        if self._again:
            piece, self._again = self._again, b""
            return piece
        if self._is_broken:
            # If that was because time is over, it is so still.
            await anyio.lowlevel.checkpoint()
            raise TransportError("the body cannot be read on: a read of it was cut off", phase="body", sent="full")
        if self._ended:
            return b""
        try:
            # Over HTTP/2 a piece may be empty.
            async for piece in self._pieces:
                if piece:
                    if self._kept is not None:
                        self._put(piece, self._kept)
                    return piece
        except BaseException:
            # httpcore's generator has ended with it, and would say next that the body has.
            self._is_broken = True
            raise
        self._ended = True
        return b""

    def _room(self) -> Accumulator:
        limit = raw_limit(self._run.settings)
        return Accumulator(NO_LIMIT if limit is None else limit)

    def _put(self, piece: bytes, body: Accumulator) -> None:
        if not body.append(piece):
            raise too_large(self._run.settings["max_response_bytes"], self.request.label)

    async def _close(self) -> None:
        await self._response.aclose()
        if self._ended:
            return
        self._ended = True
        # What is wrong with a body that nobody wants is of no concern.
        with suppress(Exception), anyio.CancelScope() as scope:
            if self.http_version == "HTTP/2":
                # The connection goes on, and has no more of this: what waits for it would wait for ever.
                scope.cancel()
            # httpcore's generators are in the middle, of which trio complains; now they end by themselves.
            async for _ in self._pieces:
                pass
