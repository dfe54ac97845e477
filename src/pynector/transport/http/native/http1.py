"""HTTP/1.1 over one connection: writes a request, and makes one answer of the bytes that come (RFC 9112 section 6).

It is driven by an event loop's BufferedProtocol calls, and knows neither pools nor clocks.
"""

from collections.abc import Sequence
from typing import Any

from ...net.ends import was_reset
from . import pooled
from .exchange import ConnectionOwner, Exchange
from .forwarding import Forwarding
from .head import final_start, is_folded, is_redirect, persists, unfolded
from .pooled import TOO_LARGE, TOO_LONG, PooledConnection, unsent
from .reading import BodyReader

COMPILED = not __file__.endswith(".py")

NO_LENGTH = -1

# A body at least this long is read straight into its final bytes.
DIRECT = 1 << 16

# Not even a memory allocator should take a peer's word for more; beyond it the body grows as it comes.
MOST_DIRECT = 1 << 28

# Anew, so that they are C's own numbers here.
UNWANTED, MOST_HEADERS = pooled.UNWANTED, pooled.MOST_HEADERS


class Connection(PooledConnection):
    """The framing of one connection: at most one exchange is on it at a time.

    Args:
        make_parser: httptools.HttpResponseParser.
        scratch: A memoryview of a bytearray that all connections of an event loop read into.
        owner: Told of the end of an exchange (`answered`, `failed`) and of the connection (`lost`).
        forwarding: How requests go to the proxy at its other end, where that is no tunnel; else None.

    Attributes:
        exchange: The exchange on it, or None.
        scans: Whether the usual responses are taken without the parser, which is faster only where it is compiled.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_complete",
        "_excess",
        "_final",
        "_folded",
        "_forwarding",
        "_head",
        "_interim",
        "_is_unwanted",
        "_length",
        "_make_parser",
        "_owner",
        "_parser",
        "_problem",
        "_reader",
        "_scratch",
        "_size",
        "_stale",
        "exchange",
        "scans",
    )

    def __init__(
        self, make_parser: Any, scratch: memoryview, owner: ConnectionOwner, forwarding: Forwarding | None = None
    ) -> None:
        super().__init__()
        self._make_parser = make_parser
        self._scratch = scratch
        self._buffer: Any = scratch.obj
        self._owner = owner
        self._forwarding: Any = forwarding
        self._parser: Any = None
        self._reader = BodyReader()
        self.exchange: Any = None
        self.scans = COMPILED
        self._reset()

    def _reset(self) -> None:
        self._head = b""
        self._interim = self._size = 0
        self._folded = self._stale = self._excess = self._complete = self._final = self._is_unwanted = False
        self._problem: Any = None
        self._chunks: list[bytes] = []
        self._length = NO_LENGTH

    # The pool's calls

    def start(self, exchange: Exchange) -> None:
        """Write a request; its answer goes to the pool."""
        self.exchange = exchange
        exchange.connection = self
        payload = exchange.payload if self._forwarding is None else self._forwarding.written(exchange.payload)
        if exchange.body:
            self.write((payload, exchange.body))
        else:
            self.transport.write(payload)
        if exchange.upload is not None:
            exchange.upload.begin(self)

    def write(self, parts: Sequence[bytes]) -> None:
        """Write some bytes after others, in one system call and without a copy where the event loop can do so."""
        self.transport.writelines(parts)

    def exchanges(self) -> Sequence[Exchange]:
        """See PooledConnection."""
        return () if self.exchange is None else (self.exchange,)

    def phase(self) -> str:
        """Say what is under way: "write", "headers" or "body"."""
        if self._final:
            return "body"
        if self.transport is not None and unsent(self.transport) > 0:
            return "write"
        if self.exchange is not None and self.exchange.upload is not None and not self.exchange.upload.finished:
            return "write"
        return "headers"

    def release(self) -> None:
        """Let go of the parser, which refers back to this object."""
        self._parser = None
        self._reader.stop()

    def abandon(self) -> None:
        """See PooledConnection."""
        self.exchange = None
        PooledConnection.abandon(self)

    # What its exchange calls it for

    def give_up(self) -> None:
        """Let go of the exchange, and of the connection: the rest of its answer would be another's."""
        self.abandon()

    def pause_reading(self) -> None:
        """Read no more of the answer until its reader has taken what there is."""
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        if self.transport is not None:
            self.transport.resume_reading()

    def is_over(self) -> bool:
        """Say whether nothing more of a request can be written."""
        return self.transport is None or self.transport.is_closing()

    def chunk(self, piece: bytes) -> tuple[bytes, ...]:
        """Return a piece of a body whose length is not known as it is written; an empty one is its end."""
        return b"%x\r\n" % len(piece), piece, b"\r\n"

    def left(self) -> int:
        """Return how many bytes of what was written have not left."""
        return 0 if self.transport is None else unsent(self.transport)

    def end_body(self) -> None:
        """Take note that all of the body is written."""

    # The event loop's calls

    def connection_made(self, transport: Any) -> None:
        """See asyncio.BaseProtocol."""
        self.transport = transport
        self.descriptor = transport.get_extra_info("socket").fileno()

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol. A request without an upload is in memory as a whole already."""
        self.is_full = True
        if self.exchange is not None and self.exchange.upload is not None:
            self.exchange.upload.pause()

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self.is_full = False
        if self.exchange is not None and self.exchange.upload is not None:
            self.exchange.upload.resume()

    def get_buffer(self, sizehint: int) -> Any:
        """See asyncio.BufferedProtocol."""
        return self._reader.room() if self._reader.left > 0 else self._scratch

    def buffer_updated(self, count: int) -> None:
        """See asyncio.BufferedProtocol."""
        if self.exchange is None:
            # Nobody asked for it: it must not become somebody's answer.
            PooledConnection.abandon(self)
        elif self._reader.left > 0:
            self._read_on(count)
        elif not (self.scans and not self._head and self._take_whole(count)):
            self._parse(count)

    def eof_received(self) -> bool:
        """See asyncio.BaseProtocol."""
        is_open_ended = self.exchange is not None and self._final and self._length < 0 and not self.fields.chunked
        if is_open_ended and not was_reset(self.transport):
            self.fields.keep = False
            self._answer()
        return False

    def connection_lost(self, error: Any) -> None:
        """See asyncio.BaseProtocol."""
        exchange = self.exchange
        phase = self.phase()
        heard = self._final or len(self._head) > 0
        self.exchange = None
        self.transport = None
        self._owner.lost(self, exchange, error, phase, heard)

    # The parser's calls

    def on_message_begin(self) -> None:
        """A message starts; after a complete one, nobody asked for it."""
        if self._complete:
            self._excess = True

    def on_headers_complete(self) -> None:
        """The header fields are complete: what follows is known now."""
        if self._complete or self._problem is not None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._interim += 1
            return
        fields, data = self.fields, self._head
        start = final_start(data, self._interim)
        end = data.find(b"\r\n\r\n", start)
        self._head = data[start:end]
        fields.read(self._head, status)
        # The parser does not know HEAD, whose answer needs no length.
        fields.keep = persists(self._head) if self.exchange.is_head else self._parser.should_keep_alive()
        self._problem = TOO_LONG if len(self._head) > MOST_HEADERS else fields.problem
        if self._problem is not None:
            return
        self.version = self._parser.get_http_version()
        self._final = True
        self._is_unwanted = fields.leads_on and is_redirect(status) and self.exchange.settings["follow_redirects"]
        sink = self.exchange.sink
        if sink is not None:
            sink.head(self, status, self._head, self.version)
        if self.exchange.is_head or status == 204 or status == 304:
            self._complete = True
            # The parser does not know that a body does not follow.
            self._stale = True
            self._excess = end + 4 < len(data)
        elif not fields.chunked and fields.length >= 0:
            self._length = fields.length
            if self._is_unwanted and self._length > UNWANTED:
                self._leave_body()
            elif not self._is_unwanted and sink is None and 0 <= self.exchange.limit < self._length:
                self._problem = TOO_LARGE

    def on_body(self, chunk: bytes) -> None:
        """A piece of the body."""
        if self._complete or self._problem is not None:
            # The parser does not know HEAD: this follows its answer, or one that is refused.
            self._excess = True
            return
        if not self._final:
            # The parser lets interim ones that it does not know have a body (RFC 9110 section 15.2: none has).
            self._problem = "an interim response has a body"
            return
        self._size += len(chunk)
        if self._is_unwanted:
            if self._size > UNWANTED:
                self._leave_body()
        elif self.exchange.sink is not None:
            self.exchange.sink.feed(chunk)
        elif 0 <= self.exchange.limit < self._size:
            self._problem = TOO_LARGE
        else:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """The message is complete, unless it was an interim one."""
        if self._final and not self._complete:
            # A trailer may say that the connection will be closed.
            self.fields.keep = self._parser.should_keep_alive()
            self._complete = True

    # Inside

    def _leave_body(self) -> None:
        """Take the answer for complete, although its body is not: nobody wants it, and the connection goes with it."""
        self._complete = True
        self._excess = True
        self._stale = True

    def _take_whole(self, count: int) -> bool:
        """Take the first bytes of a response without the parser, or say that it is for the parser."""
        fields, exchange = self.fields, self.exchange
        start = fields.scan(self._buffer, count)
        length, status = fields.length, fields.status
        if start < 0 or status < 200 or status == 204 or status == 304:
            return False
        if exchange.is_head:
            length = 0
        if start + length < count or (status >= 300 and start + length > count and is_redirect(status)):
            return False
        if exchange.sink is not None:
            self._open_sink(start, count)
            return True
        if length > MOST_DIRECT or 0 <= exchange.limit < length:
            return False
        head = b""
        if status >= 300 or fields.encoded or not exchange.body_only or exchange.observer is not None:
            head = copied(self._buffer, 0, start - 4)
            self.version = "1.1"
        if start + length == count:
            self._hand_over(head, copied(self._buffer, start, count), fields.keep)
            return True
        self._final = True
        self._head = head
        self._length = length
        self._reader.start(length, True)
        self._reader.put(self._scratch[start:count])
        return True

    def _open_sink(self, start: int, count: int) -> None:
        """Give a sink the first bytes of a response: its head, and what there is of its body."""
        sink = self.exchange.sink
        self.version = "1.1"
        self._final = True
        self._length = self.fields.length
        self._head = copied(self._buffer, 0, start - 4)
        left = 0 if self.exchange.is_head else self._length - (count - start)
        sink.head(self, self.fields.status, self._head, self.version)
        if start < count:
            sink.feed(copied(self._buffer, start, count))
        self._reader.start(left, False)
        if left == 0:
            self._answer()

    def _read_on(self, count: int) -> None:
        """Take more of a body that the parser does not see."""
        piece = self._reader.took(count)
        if self.exchange.sink is not None:
            self.exchange.sink.feed(piece)
        elif len(piece) > 0:
            self._chunks.append(piece)
        if self._reader.left == 0:
            self._excess = self._reader.excess
            self._answer()

    def _parse(self, count: int) -> None:
        """Have the parser take bytes."""
        if self._parser is None:
            self._parser = self._make_parser(self)
        if self._final:
            self._feed(self._scratch[:count])
        else:
            # The parser is not asked for the header fields: most answers need two or three of them.
            data = copied(self._buffer, 0, count)
            self._head = self._head + data if self._head else data
            if not self._folded:
                self._feed(data)
            if self._folded:
                self._unfold()
        if self._problem is not None:
            self._fail(self._problem)
        elif self._complete:
            self._answer()
        elif self._final and self._length >= 0 and not self._is_unwanted:
            self._read_rest()
        elif not self._final and len(self._head) > MOST_HEADERS:
            self._fail(TOO_LONG)

    def _read_rest(self) -> None:
        """Have the rest of a body go past the parser, if it is long or goes to a sink."""
        if self.exchange.sink is not None:
            self._reader.start(self._length - self._size, False)
        elif DIRECT <= self._length <= MOST_DIRECT:
            self._reader.start(self._length, True)
            self._reader.put(b"".join(self._chunks))
            self._chunks.clear()
        self._stale = self._reader.left > 0

    def _feed(self, data: Any) -> None:
        try:
            if data[-1] == 10 or data[-1] == 13:
                # The parser skips empty lines after the end, which nobody asked for either.
                # An empty piece is not for it: it would be told of as a piece of the body.
                if len(data) > 1:
                    self._parser.feed_data(data[:-1])
                self._excess = self._complete
                data = data[-1:]
            self._parser.feed_data(data)
        except Exception as error:
            if self._complete:
                self._excess = True
            elif self._problem is not None:
                return
            elif not self._final and is_folded(self._head, self._interim, self._make_parser(self)):
                self._folded = True
            else:
                # The parser's exception for a switch of protocols holds nothing but an offset.
                said = str(error)
                self._problem = "the server switched to another protocol" if said.isdigit() else said

    def _unfold(self) -> None:
        """Have the parser take the folded fields that it has refused, from the start, if the head is whole."""
        data = unfolded(self._head)
        if data is not None:
            self._folded = False
            self._interim = 0
            self._head = data
            self._parser = self._make_parser(self)
            self._feed(data)

    def _answer(self) -> None:
        """Make an answer of what was collected."""
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        keep = self.fields.keep and not self._excess
        head = self._head
        if self._stale:
            self._parser = None
        self._reset()
        self._hand_over(head, body, keep)

    def _hand_over(self, head: bytes, body: bytes, keep: bool) -> None:
        exchange = self.exchange
        if exchange.sink is not None:
            exchange.sink.end()
        if exchange.upload is not None:
            # RFC 9112 section 9.3: the rest of the body would be read as the next request.
            keep = keep and exchange.upload.finished
            exchange.upload.stop()
            exchange.upload = None
        self.exchange = None
        self.used = True
        self.reusable = keep and not exchange.closes and self.transport is not None
        self._owner.answered(self, exchange, head, body)

    def _fail(self, problem: Any) -> None:
        exchange = self.exchange
        phase = self.phase()
        self.abandon()
        self._owner.failed(exchange, problem, phase)


def copied(buffer: Any, start: int, end: int) -> bytes:
    """Give a part of a buffer as bytes of its own."""
    piece: bytes = buffer[start:end]
    return piece if COMPILED else bytes(piece)
