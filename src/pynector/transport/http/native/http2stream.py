"""One exchange on a connection of HTTP/2: what of its request has left, and what has come of its answer."""

from collections.abc import Sequence
from typing import Any

from . import http2settings, pooled
from .exchange import Exchange
from .head import is_redirect
from .http2fields import ResponseFields, head_of
from .pooled import TOO_LARGE, TOO_LONG

# RFC 9113 section 7.
CANCEL = 0x8
ENHANCE_YOUR_CALM = 0xB

# Anew, so that they are C's own numbers here.
WINDOW, MOST_HEADERS, UNWANTED = http2settings.WINDOW, pooled.MOST_HEADERS, pooled.UNWANTED

# What a server may send of one answer before it is read, at the most (bytes).
MOST_WINDOW = 1 << 27

# So many empty frames of a body, one after another, are no body (RFC 9113 section 10.5).
MOST_EMPTY = 1000


class Stream:
    """One exchange on a connection.

    Attributes:
        exchange: Which.
        number: The stream's identifier.
        sends: Whether there is a body to be sent.
        is_sent: Whether all of it has left.
        bodies: What sends it, or None.
        rest: What of a long body has not been given to the library, as a memoryview; or None.
        is_ended: Whether it has ended.
        headers: The header fields of its answer, or None before they have come.
        status: The status code that they say.
        encoded: Whether they say that the body has a content coding; see Head.
        is_final: Whether they have come.
        is_unwanted: Whether the body is of no use.
        is_paused: Whether its reader wants no more for now.
        body: The first piece of the body.
        chunks: All pieces, where there are more; else None.
        size: How long they are together.
        window: How much the server may send before it is read (bytes).
        interim: How long the header fields of interim answers are together.
        empty: How many empty frames have come one after another.
        reset_code: What the server has reset it with, or -1.
    """

    __slots__ = (
        "_connection",
        "bodies",
        "body",
        "chunks",
        "empty",
        "encoded",
        "exchange",
        "headers",
        "interim",
        "is_ended",
        "is_final",
        "is_paused",
        "is_sent",
        "is_unwanted",
        "number",
        "reset_code",
        "rest",
        "sends",
        "size",
        "status",
        "window",
    )

    def begin(self, connection: Any, exchange: Exchange, number: int) -> None:
        """Begin with an exchange: compiled, it costs less than a constructor.

        Args:
            connection: Which.
            exchange: Which.
            number: The stream's identifier.
        """
        self._connection = connection
        self.exchange = exchange
        self.number = number
        self.sends = False
        self.bodies: Any = None
        self.is_sent = False
        self.rest: Any = None
        self.headers: Any = None
        self.status = 0
        self.encoded = 0
        # The first piece is often all.
        self.body = b""
        self.chunks: Any = None
        self.size = 0
        self.interim = 0
        self.empty = 0
        self.is_ended = False
        self.is_final = False
        self.is_unwanted = False
        self.is_paused = False
        self.reset_code = -1
        self.window = WINDOW

    # What its exchange calls it for

    def phase(self) -> str:
        """Say what is under way: "queue" (nothing has left), "write", "headers" or "body"."""
        return "body" if self.is_final else self._connection.phase_of(self)

    def give_up(self) -> None:
        """Reset the stream; the others go on."""
        self._connection.reset(self, CANCEL)

    def pause_reading(self) -> None:
        """Have the server send no more than it may already, until the reader has taken what there is."""
        self.is_paused = True
        self._connection.set_window(self, 0)

    def resume_reading(self) -> None:
        """Go on."""
        self.is_paused = False
        self._connection.set_window(self, self.window)

    def is_over(self) -> bool:
        """Say whether nothing more of a request can be written."""
        return self.is_ended

    def chunk(self, piece: bytes) -> tuple[bytes, ...]:
        """Return a piece of a body as it is written; an empty one is its end."""
        return (piece,)

    def write(self, parts: Sequence[bytes]) -> None:
        """Send pieces of a body."""
        self._connection.send(self, b"".join(parts), False)

    def left(self) -> int:
        """Return how many bytes of what was written have not left."""
        return 0 if self.bodies is None else self.bodies.left_of(self)

    def end_body(self) -> None:
        """Send the end of the body."""
        self._connection.send(self, b"", True)

    # What comes in

    def take_interim(self, size: int) -> None:
        """Take note how long the header fields of an interim answer are; there may be many, but not too many."""
        self.interim += size
        if self.interim > MOST_HEADERS:
            self._connection.refuse(self, TOO_LONG, ENHANCE_YOUR_CALM)

    def take_head(self, headers: Any, fields: ResponseFields, is_whole: bool) -> bool:
        """Take the header fields of the answer, and say whether that is all of it.

        Args:
            headers: Pairs of bytes.
            fields: What they come to.
            is_whole: Whether there is no body.
        """
        exchange = self.exchange
        if fields.size > MOST_HEADERS:
            self._connection.refuse(self, TOO_LONG, ENHANCE_YOUR_CALM)
            return False
        self.is_final = True
        self.headers, self.status, self.encoded = headers, fields.status, fields.encoded
        if fields.leads_on and is_redirect(fields.status) and exchange.settings["follow_redirects"]:
            self.is_unwanted = True
            is_whole = is_whole or not 0 <= fields.length <= UNWANTED
        elif exchange.sink is None and 0 <= exchange.limit < fields.length and not is_whole:
            self._connection.refuse(self, TOO_LARGE, CANCEL)
            return False
        if exchange.sink is not None:
            self._connection.fields.take(fields.status, fields.encoded)
            exchange.sink.head(self._connection, fields.status, head_of(headers), "2")
        return is_whole and not self.is_ended

    def take(self, data: bytes, is_last: bool) -> bool:
        """Take a piece of the body, and say whether the answer is whole."""
        exchange, size = self.exchange, len(data)
        if size > 0:
            self.empty = 0
            self.size += size
            if self.is_unwanted:
                pass
            elif exchange.sink is not None:
                exchange.sink.feed(data)
            elif 0 <= exchange.limit < self.size:
                self._connection.refuse(self, TOO_LARGE, CANCEL)
                return False
            else:
                self._keep(data)
            # Of what is read as it comes, no more is to be held for a reader that stops.
            if self.size > self.window and self.window < MOST_WINDOW and exchange.sink is None:
                self._widen()
        elif not is_last:
            self.empty += 1
            if self.empty > MOST_EMPTY:
                self._connection.refuse(self, "an answer of empty frames does not end", ENHANCE_YOUR_CALM)
        return is_last and not self.is_ended

    def head(self) -> bytes:
        """Return the head of the answer, or b"" if nobody wants it."""
        exchange = self.exchange
        if self.status >= 300 or self.encoded or not exchange.body_only or exchange.observer is not None:
            return head_of(self.headers)
        return b""

    def content(self) -> bytes:
        """Return what there is of the body."""
        return self.body if self.chunks is None else b"".join(self.chunks)

    def _keep(self, data: bytes) -> None:
        if self.chunks is not None:
            self.chunks.append(data)
        elif self.body:
            self.chunks = [self.body, data]
        else:
            self.body = data

    def _widen(self) -> None:
        """Let a server send more at a time whose answer is long, and read."""
        self.window *= 2
        if not self.is_paused:
            self._connection.set_window(self, self.window)
