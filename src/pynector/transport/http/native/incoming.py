"""A response as it comes in: its head, and the pieces of its body that nobody has taken yet."""

from collections import deque
from typing import Any

from ....errors import PynectorError
from ..headers import Headers
from ..response import RawResponse
from .exchange import Exchange
from .head import is_redirect
from .wire import request_of

# When this much of a body waits for its reader, the socket is not read until half of it is taken (bytes).
HIGH_WATER = 1 << 18

# What it costs to keep a piece, whatever its size (bytes).
OVERHEAD = 64


class Incoming:
    """Takes a response as its connection reads it: the sink of its exchange, and its completion.

    Args:
        answers: Says where the response leads.
        tasks: Makes futures, and calls functions with the context variables of the client.
        exchange: The request.

    Attributes:
        exchange: See above.
        is_open: Whether the head has come; the next four are known only then.
        status: The status code.
        start: Its status line and header fields, without the empty line.
        version: The HTTP version, "1.1" or the like.
        encoded: Whether the body has a content coding.
    """

    __slots__ = (
        "_answers",
        "_ended",
        "_error",
        "_following",
        "_is_left",
        "_is_paused",
        "_piece",
        "_pieces",
        "_problem",
        "_redirect",
        "_size",
        "_tasks",
        "_waiter",
        "encoded",
        "exchange",
        "is_open",
        "start",
        "status",
        "version",
    )

    def __init__(self, answers: Any, tasks: Any, exchange: Exchange) -> None:
        self._answers = answers
        self._tasks = tasks
        self.exchange = exchange
        self.is_open = False
        self.status = 0
        self.start = b""
        self.version = ""
        self.encoded = False
        # The oldest, and those behind it: most bodies have one.
        self._piece: Any = None
        self._pieces: Any = None
        self._size = 0
        self._is_paused = False
        self._is_left = False
        self._ended = False
        self._error: Any = None
        self._problem: Any = None
        self._following: Any = None
        self._redirect: Any = None
        self._waiter: Any = None
        exchange.sink = self
        exchange.completion = self

    @property
    def settings(self) -> Any:
        """What holds for the answer, by the name of the request's setting."""
        return self.exchange.settings

    # The connection's calls

    def head(self, connection: Any, status: int, head: bytes, version: str) -> None:
        """Take the head of a final response."""
        cookies = self._answers.cookies
        if cookies is not None:
            cookies.take(request_of(self.exchange).url, Headers.of_head(head))
        self.begin(status, head, version, connection.fields.encoded)

    def begin(self, status: int, head: bytes, version: str, encoded: int) -> None:
        """Go on with a response's head: it is the answer's, or leads to another."""
        exchange = self.exchange
        if exchange.observer is not None:
            exchange.observer.head(status, "HTTP/" + version)
        if is_redirect(status) and exchange.settings["follow_redirects"]:
            raw = RawResponse(status, Headers.of_head(head), b"", "HTTP/" + version)
            try:
                self._following = self._answers.next_hop(exchange, request_of(exchange), raw)
                self._redirect = raw
            except PynectorError as problem:
                self._problem = problem
        if self._following is None and self._problem is None:
            self.status, self.start, self.version = status, head, version
            self.encoded = encoded != 0
            self.is_open = True
            self._wake()

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body; that of a redirect is of no use."""
        # An empty one would be the end.
        if not self.is_open or len(piece) == 0:
            return
        if self._piece is None and not self._pieces:
            self._piece = piece
        else:
            if self._pieces is None:
                self._pieces = deque()
            self._pieces.append(piece)
        self._size += len(piece) + OVERHEAD
        if self._size > HIGH_WATER and not self._is_paused:
            self._is_paused = True
            self.exchange.connection.pause_reading()
        self._wake()

    def end(self) -> None:
        """Take the end of the body; another request may read from the connection after this."""
        if self._is_paused:
            self._resume()

    # The answer's calls

    def conclude(self) -> None:
        """Go where the response leads."""
        if self.exchange.observer is not None:
            self.exchange.observer.done()
        following, self._following = self._following, None
        if self._problem is not None:
            self._answers.failed(self.exchange, self._problem)
        elif following is not None:
            self._answers.follow(self.exchange, following, self._redirect)
        else:
            self.exchange.succeed(None)

    def succeed(self, token: int, response: Any) -> None:
        """See Completion."""
        self._ended = True
        self._part()
        self._wake()

    def fail(self, token: int, error: Any) -> None:
        """See Completion."""
        self._error = error
        self._part()
        self._wake()

    # The reader's calls

    def arrived(self) -> bool:
        """Say whether the head has come.

        Raises:
            PynectorError: If the exchange failed.
        """
        if not self.is_open and self._error is not None:
            raise self._error
        return self.is_open

    def taken(self) -> Any:
        """Return the next piece of the body, b"" at its end, or None if it has not come.

        Raises:
            PynectorError: If the exchange failed.
        """
        piece = self._piece
        if piece is not None:
            self._piece = None
        elif self._pieces:
            piece = self._pieces.popleft()
        else:
            if self._error is not None:
                raise self._error
            if self._is_left:
                raise self._problem_of("the stream was left while its body was read")
            return b"" if self._ended else None
        self._size -= len(piece) + OVERHEAD
        if self._is_paused and self._size <= HIGH_WATER // 2:
            self._resume()
        return piece

    def rest(self) -> Any:
        """Return what nobody has taken of a body that has come to its end, or None if it has not, or will not."""
        if not self._ended or self._is_left:
            return None
        piece = b"" if self._piece is None else self._piece
        if self._pieces:
            piece = b"".join([piece, *self._pieces])
        self._piece = self._pieces = None
        self._size = 0
        return piece

    def news(self) -> Any:
        """Return a future whose result is set when there is something new.

        Raises:
            PynectorError: If somebody waits already.
        """
        if self._waiter is not None and not self._waiter.done():
            raise self._problem_of("the body of a streamed response is read by one task at a time")
        self._waiter = self._tasks.new_future()
        return self._waiter

    def leave(self) -> None:
        """End the exchange; a connection with a body not read to its end is closed."""
        self._piece = self._pieces = None
        self.exchange.cancel()
        self._part()
        self._error = None
        self._is_left = True
        self._wake()

    def forget(self) -> None:
        """Let go of an exchange that is not sent from here."""
        self.exchange.sink = self.exchange.completion = None

    def _part(self) -> None:
        """Have an exchange that has ended let go of this: they would keep each other until garbage is collected."""
        self.exchange.sink = self.exchange.patience = None

    def _problem_of(self, said: str) -> PynectorError:
        return PynectorError(said, request=request_of(self.exchange).label)

    def _resume(self) -> None:
        connection = self.exchange.connection
        if connection is not None:
            self._is_paused = False
            self._tasks.call(connection.resume_reading)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        # It is done already when the reader was cancelled.
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
