"""One exchange on a connection of HTTP/2: what of its request has left, and what has come of its answer."""

from collections.abc import Sequence
from typing import Any

from .exchange import Exchange
from .head import is_redirect
from .http2fields import ResponseFields, head_of
from .pooled import MOST_HEADERS, TOO_LARGE, TOO_LONG, UNWANTED

# RFC 9113 section 7.
CANCEL = 0x8
ENHANCE_YOUR_CALM = 0xB

# What a server may send of one answer before it is read, at first and at the most (bytes).
WINDOW = 1 << 24
MOST_WINDOW = 1 << 27

# So many empty frames of a body, one after another, are no body (RFC 9113 section 10.5).
MOST_EMPTY = 1000


class Stream:
    """One exchange on a connection.

    Args:
        connection: Which.
        exchange: Which.
        number: The stream's identifier.

    Attributes:
        exchange: See above.
        number: See above.
        sends: Whether there is a body to be sent.
        is_sent: Whether all of it has left.
        rest: What of a long body has not been given to the library, as a memoryview; or None.
        is_ended: Whether it has ended.
        fields: What the header fields of its answer come to.
        headers: These, or None before they have come.
        is_final: Whether they have.
        is_unwanted: Whether the body is of no use.
        is_paused: Whether its reader wants no more for now.
        chunks: The pieces of the body.
        size: How long they are together.
        window: How much the server may send before it is read (bytes).
        interim: How long the header fields of interim answers are together.
        empty: How many empty frames have come one after another.
        reset_code: What the server has reset it with, or -1.
    """

    __slots__ = (
        "_connection",
        "chunks",
        "empty",
        "exchange",
        "fields",
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
        "window",
    )

    def __init__(self, connection: Any, exchange: Exchange, number: int) -> None:
        self._connection = connection
        self.exchange = exchange
        self.number = number
        self.sends = False
        self.is_sent = False
        self.rest: Any = None
        self.fields = ResponseFields()
        self.headers: Any = None
        self.chunks: list[bytes] = []
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

    def end_body(self) -> None:
        """Send the end of the body."""
        self._connection.send(self, b"", True)

    # What comes in

    def take_interim(self, headers: Any) -> None:
        """Take the header fields of an interim answer; there may be many, but not too many."""
        fields = ResponseFields()
        fields.read(headers)
        self.interim += fields.size
        if self.interim > MOST_HEADERS:
            self._connection.refuse(self, TOO_LONG, ENHANCE_YOUR_CALM)

    def take_head(self, headers: Any, is_whole: bool) -> None:
        """Take the header fields of the answer.

        Args:
            headers: Pairs of bytes.
            is_whole: Whether there is no body.
        """
        exchange, fields = self.exchange, self.fields
        fields.read(headers)
        if fields.size > MOST_HEADERS:
            self._connection.refuse(self, TOO_LONG, ENHANCE_YOUR_CALM)
            return
        self.is_final = True
        self.headers = headers
        if fields.leads_on and is_redirect(fields.status) and exchange.settings["follow_redirects"]:
            self.is_unwanted = True
            is_whole = is_whole or not 0 <= fields.length <= UNWANTED
        elif exchange.sink is None and 0 <= exchange.limit < fields.length and not is_whole:
            self._connection.refuse(self, TOO_LARGE, CANCEL)
            return
        if exchange.sink is not None:
            self._connection.fields.take(fields.status, fields.encoded)
            exchange.sink.head(self._connection, fields.status, head_of(headers), "2")
        if is_whole:
            self.complete()

    def take(self, data: bytes, is_last: bool) -> None:
        """Take a piece of the body."""
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
                return
            else:
                self.chunks.append(data)
            # Of what is read as it comes, no more is to be held for a reader that stops.
            if self.size > self.window and self.window < MOST_WINDOW and exchange.sink is None:
                self._widen()
        elif not is_last:
            self.empty += 1
            if self.empty > MOST_EMPTY:
                self._connection.refuse(self, "an answer of empty frames does not end", ENHANCE_YOUR_CALM)
                return
        if is_last:
            self.complete()

    def complete(self) -> None:
        """Make an answer of what has come."""
        exchange, fields, chunks = self.exchange, self.fields, self.chunks
        head = b""
        if fields.status >= 300 or fields.encoded or not exchange.body_only or exchange.observer is not None:
            head = head_of(self.headers)
        self._connection.completed(self, head, chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def _widen(self) -> None:
        """Let a server send more at a time whose answer is long, and read."""
        self.window *= 2
        if not self.is_paused:
            self._connection.set_window(self, self.window)
