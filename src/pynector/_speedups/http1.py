"""HTTP/1.1 over one connection: writes a request, and makes one answer of the bytes that come (RFC 9112 section 6).

It is driven by an event loop's BufferedProtocol calls, and knows neither pools nor clocks.
"""

from typing import Any

COMPILED = not __file__.endswith(".py")

NO_LENGTH = -1
NO_LIMIT = -1

# A body at least this long is read straight into its final bytes.
DIRECT = 1 << 16

# Not even a memory allocator should take a peer's word for more; beyond it the body grows as it comes.
MOST_DIRECT = 1 << 28

# The most bytes of a status line and header fields, interim responses included.
MOST_HEADERS = 1 << 18


class Exchange:
    """One request on its way, and whom to tell.

    Attributes:
        payload: The request as it goes on the wire.
        deadline: When it must have ended, on the event loop's clock in seconds.
        completion: See pynector.transport.Completion; None once it has ended or was given up.
        token: What to call the completion with.
        data: What the caller gave.
        options: What the caller gave.
        settings: What holds for the answer, by the name of the request's setting.
        request: The PreparedRequest, or None as long as nobody needed it.
        is_head: Whether its answer has no body, whatever it says.
        repeatable: Whether it may be sent again if the connection was dead before it arrived.
        limit: The most bytes its body may have, or NO_LENGTH.
        hops: How many redirects it has followed.
        started: When it began, on the event loop's clock in seconds.
        connection: The connection it is on, or None.
        engine: What it is given up at.
        pool: Where it waits.
        plain: Whether its answer is just the body.
        queued: Since when it waits for a connection to be free, on the event loop's clock; 0.0 if it does not.
    """

    __slots__ = (
        "completion",
        "connection",
        "data",
        "deadline",
        "engine",
        "hops",
        "is_head",
        "limit",
        "options",
        "payload",
        "plain",
        "pool",
        "queued",
        "repeatable",
        "request",
        "settings",
        "started",
        "token",
    )

    def __init__(
        self,
        engine: Any,
        data: Any,
        options: Any,
        deadline: float,
        completion: Any,
        token: int,
        started: float,
    ) -> None:
        self.engine = engine
        self.data = data
        self.options = options
        self.deadline = deadline
        self.completion = completion
        self.token = token
        self.started = started
        self.payload = b""
        self.settings: Any = None
        self.request: Any = None
        self.connection: Any = None
        self.pool: Any = None
        self.is_head = False
        self.repeatable = True
        self.limit = NO_LENGTH
        self.hops = 0
        self.plain = True
        self.queued = 0.0

    def cancel(self) -> None:
        """Give the request up: its completion is not called any more."""
        if self.completion is not None:
            self.completion = None
            self.engine.give_up(self)


class ConnectionCore:
    """The framing of one connection: at most one exchange is on it at a time.

    Args:
        make_parser: httptools.HttpResponseParser.
        scratch: A memoryview that all connections of an event loop read into.
        pool: Told of the end of an exchange (`answered`, `failed`) and of the connection (`lost`).

    Attributes:
        transport: The event loop's transport, or None before it is connected and after it is lost.
        exchange: The exchange on it, or None.
        used: Whether an exchange has ended on it before.
        idle_until: When it is too old to be used again, on the event loop's clock in seconds.
        alarm: When its timer goes off, on the same clock; the pool's business.
        timer: That timer, or None.
        version: The HTTP version of the answer, "1.1" or the like, unless the answer is a plain one.
    """

    __slots__ = (
        "_body",
        "_chunked",
        "_chunks",
        "_complete",
        "_direct",
        "_excess",
        "_final",
        "_head",
        "_interim",
        "_keep",
        "_length",
        "_make_parser",
        "_offset",
        "_parser",
        "_pool",
        "_problem",
        "_scratch",
        "_size",
        "_stale",
        "_status",
        "alarm",
        "encoded",
        "exchange",
        "idle_until",
        "server_timeout",
        "timer",
        "transport",
        "used",
        "version",
    )

    def __init__(self, make_parser: Any, scratch: Any, pool: Any) -> None:
        self._make_parser = make_parser
        self._scratch = scratch
        self._pool = pool
        self._parser = make_parser(self)
        self.transport: Any = None
        self.exchange: Any = None
        self.used = False
        self.idle_until = 0.0
        self.alarm = float("inf")
        self.timer: Any = None
        self.version = ""
        self._reset()

    def _reset(self) -> None:
        self._head = b""
        self._interim = 0
        self._stale = False
        self._excess = False
        self._problem: Any = None
        self._direct: Any = None
        self._body: Any = None
        self._chunks: list[bytes] = []
        self._complete = False
        self._final = False
        self._keep = False
        self._status = 0
        self._length = NO_LENGTH
        self._chunked = False
        self._size = 0
        self._offset = 0
        self.encoded = False
        self.server_timeout = NO_LENGTH

    # The pool's calls

    def start(self, exchange: Exchange) -> None:
        """Write a request; its answer goes to the pool."""
        self.exchange = exchange
        exchange.connection = self
        self.transport.write(exchange.payload)

    def phase(self) -> str:
        """Say what is under way: "write", "headers" or "body"."""
        if self._final:
            return "body"
        if self.transport is not None and self.transport.get_write_buffer_size():
            return "write"
        return "headers"

    def release(self) -> None:
        """Let go of the parser, which refers back to this object."""
        self._parser = None
        self._direct = None
        self._body = None

    # The event loop's calls

    def connection_made(self, transport: Any) -> None:
        """See asyncio.BaseProtocol."""
        self.transport = transport

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol. A request is in memory as a whole already."""

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""

    def get_buffer(self, sizehint: int) -> Any:
        """See asyncio.BufferedProtocol."""
        if self._direct is not None:
            return self._direct[self._offset :]
        return self._scratch

    def buffer_updated(self, count: int) -> None:
        """See asyncio.BufferedProtocol."""
        if self._direct is not None:
            self._offset += count
            if self._offset == self._length:
                self._stale = True
                self._answer()
            return
        if self.exchange is None:
            # Nobody asked for it: it must not become somebody's answer.
            self._abandon()
            return
        data = self._scratch[:count]
        if not self._final:
            # The parser is not asked for the header fields: most answers need two or three of them.
            self._head = bytes(data) if not self._head else self._head + bytes(data)
        self._feed(data)
        if self._problem is not None:
            self._fail(self._problem)
        elif self._complete:
            self._answer()
        elif not self._final and len(self._head) > MOST_HEADERS:
            self._fail("the header fields are longer than 256 KiB")

    def eof_received(self) -> bool:
        """See asyncio.BaseProtocol."""
        if self.exchange is not None and self._final and self._length < 0 and not self._chunked:
            self._keep = False
            self._answer()
        return False

    def connection_lost(self, error: Any) -> None:
        """See asyncio.BaseProtocol."""
        exchange = self.exchange
        phase = self.phase()
        self.exchange = None
        self.transport = None
        self._pool.lost(self, exchange, error, phase, len(self._head) > 0)

    # The parser's calls

    def on_message_begin(self) -> None:
        """A message starts; after a complete one, nobody asked for it."""
        if self._complete:
            self._excess = True

    def on_headers_complete(self) -> None:
        """The header fields are complete: what follows is known now."""
        if self._complete:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._interim += 1
            return
        self._read_head()
        self._status = status
        self._keep = self._parser.should_keep_alive()
        if status >= 300 or not self.exchange.plain:
            self.version = self._parser.get_http_version()
        if self.exchange.is_head or status == 204 or status == 304:
            self._final = True
            self._complete = True
            self._stale = True
            return
        self._final = True
        if self._chunked or self._length < 0:
            self._length = NO_LENGTH
        elif 0 <= self.exchange.limit < self._length:
            self._problem = TOO_LARGE
        elif DIRECT <= self._length <= MOST_DIRECT:
            self._allocate()

    def on_body(self, chunk: bytes) -> None:
        """A piece of the body."""
        if self._complete:
            # The parser does not know HEAD: this is what follows its answer.
            self._excess = True
            return
        size = len(chunk)
        if self._direct is not None:
            self._direct[self._offset : self._offset + size] = chunk
            self._offset += size
            return
        self._size += size
        if 0 <= self.exchange.limit < self._size:
            self._problem = TOO_LARGE
        else:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """The message is complete, unless it was an interim one."""
        if self._final:
            self._complete = True

    # Inside

    def _read_head(self) -> None:
        """Look through the header fields, which the parser has found valid, for those that matter here."""
        head = self._head
        start = 0
        while self._interim:
            start = head.find(b"\r\n\r\n", start) + 4
            self._interim -= 1
        end = head.find(b"\r\n\r\n", start)
        self._head = head = head[start:end]
        start = head.find(b"\r\n") + 2
        while start > 1:
            end = head.find(b"\r\n", start)
            # c, t and k, in either case.
            if head[start] | 32 in (99, 116, 107):
                self._read_field(head[start:] if end < 0 else head[start:end])
            start = end + 2

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        if name == b"content-length":
            digits = value.strip()
            self._length = int(digits) if len(digits) < 18 else MOST_DIRECT << 30
        elif name == b"transfer-encoding":
            if self._chunked or value.strip().lower() != b"chunked":
                self._problem = "the transfer coding is not chunked"
            self._chunked = True
        elif name == b"content-encoding":
            self.encoded = True
        elif name == b"keep-alive":
            for part in value.split(b","):
                key, _, number = part.partition(b"=")
                number = number.strip()[:9]
                if key.strip().lower() == b"timeout" and number.isdigit():
                    self.server_timeout = int(number)

    def _allocate(self) -> None:
        if COMPILED:
            self._body = uninitialised(self._length)  # type: ignore[name-defined] # noqa: F821
            self._direct = writable(self._body)  # type: ignore[name-defined] # noqa: F821
        else:
            self._body = bytearray(self._length)
            self._direct = memoryview(self._body)

    def _feed(self, data: Any) -> None:
        try:
            self._parser.feed_data(data)
        except Exception as error:
            if self._complete:
                self._excess = True
            elif self._problem is None:
                # The parser's exception for a switch of protocols holds nothing but an offset.
                said = str(error)
                self._problem = "the server switched to another protocol" if said.isdigit() else said

    def _answer(self) -> None:
        exchange = self.exchange
        status = self._status
        head = self._head
        if self._body is not None:
            body = self._body
            if not COMPILED:
                body = bytes(body)
        else:
            chunks = self._chunks
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        encoded = self.encoded
        reusable = self._keep and not self._excess and self.transport is not None
        if self._stale and reusable:
            self._parser = self._make_parser(self)
        self.exchange = None
        self.used = True
        server_timeout = self.server_timeout
        self._reset()
        self._pool.answered(self, exchange, status, head, body, encoded, reusable, server_timeout)

    def _fail(self, problem: Any) -> None:
        exchange = self.exchange
        phase = self.phase()
        self.exchange = None
        self._abandon()
        self._pool.failed(exchange, problem, phase)

    def _abandon(self) -> None:
        if self.transport is not None:
            self.transport.abort()


TOO_LARGE = object()
