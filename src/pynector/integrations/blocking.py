"""A transport for the synchronous clients of httpx and its like: the other one, in a thread with an event loop."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..blocking.thread import LoopThread
from ..errors import PynectorError
from ..transport.http.native.relayed import Patience, Relayed
from .bodies import Failing, unbind
from .tracing import Trace
from .transport import RelayTransport


class SyncResponseBody:
    """Gives a response's body as it comes; a class of each package is made of it.

    It is made in the loop's thread, and takes what has come by then: most answers are whole, and their reader need not
    wait for another thread once more.

    Args:
        owner: See ResponseBody.
        relayed: See ResponseBody.
        request: See ResponseBody.
        trace: See ResponseBody.

    Attributes:
        thread: Where the rest is taken; set by the transport.
        response: See ResponseBody.
    """

    thread: LoopThread
    response: Any = None

    def __init__(self, owner: Failing, relayed: Relayed, request: Any, trace: Trace | None) -> None:
        self._owner = owner
        self._relayed = relayed
        self._request = request
        self._is_over = False
        self._first: list[bytes] = []
        # What is wrong is raised again when somebody reads.
        with suppress(PynectorError):
            self._first = self._taken()

    def __iter__(self) -> Iterator[bytes]:
        """Give the pieces."""
        pieces, self._first = self._first, []
        yield from pieces
        while not self._is_over:
            yield from self._told() if self._has_ended() else self.thread.run(self._more)

    def rest(self) -> bytes | None:
        """Return all of it where that has come, or None."""
        if not self._is_over:
            return None
        pieces, self._first = self._first, []
        return b"".join(pieces)

    def close(self) -> None:
        """End the exchange; a connection with a body that was not read to its end is closed."""
        if not self._has_ended():
            self.thread.run(self._leave)
        unbind(self)

    def _has_ended(self) -> bool:
        """Say whether the exchange has, perhaps with its thread, which is not to begin again for it."""
        return self._relayed.exchange.completion is None

    def _taken(self) -> list[bytes]:
        """Return what has come, and take note of the end."""
        pieces: list[bytes] = []
        while not self._is_over:
            try:
                piece = self._relayed.taken()
            except PynectorError:
                if pieces:
                    # It is raised again when somebody asks for more.
                    break
                raise
            if piece is None:
                break
            if piece:
                pieces.append(piece)
            else:
                self._is_over = True
        return pieces

    def _told(self) -> list[bytes]:
        """Do as `_taken`, and raise what the package raises."""
        try:
            return self._taken()
        except PynectorError as error:
            self._relayed.leave()
            raise self._owner.failure(error, self._relayed.patience, self._request) from error

    async def _more(self) -> list[bytes]:
        """Return what comes next; nothing at the end."""
        while not (pieces := self._told()) and not self._is_over:
            try:
                await self._relayed.news()
            except BaseException:
                self._relayed.leave()
                raise
        return pieces

    async def _leave(self) -> None:
        self._relayed.leave()


class SyncRelayTransport:
    """What PynectorSyncTransport is, for any package.

    Attributes:
        relay_class: Makes what is in the thread: it takes the same arguments.
    """

    relay_class: type[RelayTransport]

    def __init__(self, *args: Any, **options: Any) -> None:
        """Make a transport; its arguments are those of RelayTransport.

        Its thread begins with the first request and ends with `close`, or with the program. Any number of threads may
        use it.

        Raises:
            ConfigurationError: If an argument is not valid.
        """
        self._relay = self.relay_class(*args, **options)
        self._thread = LoopThread(self._relay.aclose)
        weakref.finalize(self, self._thread.stop, False).atexit = False

    def handle_request(self, request: Any) -> Any:
        """Send a request, and return its response when the head has come.

        Raises:
            TransportError: The package's, one of those below it.
        """
        try:
            response = self._thread.run(lambda: self._relay.handle_async_request(request))
        except PynectorError as error:
            # The transport was closed meanwhile.
            raise self._relay.failure(error, Patience(), request) from error
        response.stream.thread = self._thread
        return response

    def close(self) -> None:
        """Close every connection, and end the thread; what is in flight fails. The transport may be used again."""
        self._thread.stop()
