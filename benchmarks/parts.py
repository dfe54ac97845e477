"""A unit of work of each compiled part, on either build."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, repeat
from struct import pack_into
from types import SimpleNamespace
from typing import Any, ClassVar

from pynector.transport.http.decoding import inflated

from .builds import Build

# Here, so that what importing costs is no part of a unit's.
try:
    from httptools import HttpResponseParser
except ImportError:
    HttpResponseParser = None
try:
    from .http2_floor import Http2FloorConnection, Work
except ImportError:
    Http2FloorConnection = None  # type: ignore[assignment,misc]

_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 27 Nov 2026 00:00:00 GMT\r\n"
    b'Content-Type: application/json\r\nContent-Length: 0\r\nConnection: keep-alive\r\nETag: "65a1-400"\r\n\r\n'
)
_GZIP = gzip.compress(b"".join(b'{"id": %d, "name": "item %d"}' % (number, number) for number in range(60)), mtime=0)
_RESPONSE = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 64\r\n\r\n" + b"x" * 64


def _frame(kind: int, flags: int, payload: bytes) -> bytes:
    """Return a frame of HTTP/2, of no stream."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + bytes(4) + payload


def _field(index: int, value: bytes) -> bytes:
    """Return a header field with a name of HPACK's static table; it goes into no other table."""
    return bytes((0x0F, index - 0x0F, len(value))) + value


# What a server sends at first, the same answer as above over HTTP/2, and where the number of its stream belongs.
_SETTINGS = _frame(4, 0, b"") + _frame(4, 1, b"")
_HEADERS = _frame(1, 4, b"\x88" + _field(54, b"nginx") + _field(31, b"text/plain") + _field(28, b"64"))
_ANSWER = _HEADERS + _frame(0, 1, b"x" * 64)
_STREAMS = (5, len(_HEADERS) + 5)


def scheduler(build: Build, count: int) -> None:
    """Start an entry and end it."""
    plan = build.scheduler.Scheduler(1)
    for _ in range(count):
        plan.finish(plan.next(0.0), False)


def accumulator(build: Build, count: int) -> None:
    """Take a chunk."""
    chunks = build.accumulator.Accumulator(-1)
    for _ in range(count):
        chunks.append(b"0123456789abcdef")
    chunks.finish()


def encoder(build: Build, count: int) -> None:
    """Write a plain request."""
    encode = build.encoder.RequestEncoder("/v1", [("Host", "example.com"), ("Accept", "*/*")], repr).encode
    request = {"path": "/items/1"}
    for _ in range(count):
        encode(request)


def rich_encoder(build: Build, count: int) -> None:
    """Write a request with parameters and headers, one of which takes the place of a common one."""
    encode = build.encoder.RequestEncoder("/v1", [("Host", "example.com"), ("Accept", "*/*")], repr).encode
    headers = {"Accept": "application/json", "X-Request-ID": "7c0e3a52", "X-Tenant": "example"}
    request = {"path": "/items", "params": {"page": 7, "q": "a b"}, "headers": headers}
    for _ in range(count):
        encode(request)


class _Wire:
    def write(self, data: bytes) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str) -> Any:
        return self

    def fileno(self) -> int:
        return -1


def response(build: Build, count: int) -> None:
    """Make a Response of what has come."""
    make, origin = build.response.response_as_sent, ("http", "127.0.0.1", 80)
    for _ in range(count):
        make(200, _HEAD[:-4], b"", origin, b"/items/1", "1.1", 0.0, ())


class _Sent:
    """A pool that takes what is sent on."""

    origin = ("http", "127.0.0.1", 80)

    def dispatch(self, exchange: Any, now: float) -> None:
        exchange.history = ()


def redirected(build: Build, count: int) -> None:
    """Follow a redirect."""
    sent_on, head = build.redirected.sent_on, _HEAD[:-4] + b"\r\nLocation: http://127.0.0.1/items/1"
    exchange = build.exchange.Exchange(None, None, None, 0.0, None, 0, 0.0)
    exchange.payload = b"GET /items/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n"
    exchange.pool, exchange.settings = _Sent(), {"max_redirects": 20}
    for _ in range(count):
        sent_on(exchange, 302, head, "1.1", 0.0)


def inflating(build: Build, count: int) -> None:
    """Undo gzip, as that of a short body is; that is no part of a build, but of what is installed."""
    for _ in range(count):
        inflated(_GZIP)


def framing(build: Build, count: int) -> None:
    """Take a response."""
    _take(build, count, _RESPONSE)


def head(build: Build, count: int) -> None:
    """Take a response that is nearly all head."""
    _take(build, count, _HEAD)


def _take(build: Build, count: int, answer: bytes) -> None:
    class Nobody:
        def answered(self, *arguments: Any) -> None:
            pass

    scratch = memoryview(bytearray(1 << 16))
    scratch[: len(answer)] = answer
    connection = build.http1.Connection(HttpResponseParser, scratch, Nobody())
    connection.connection_made(_Wire())
    exchange = build.exchange.Exchange(None, None, None, 0.0, None, 0, 0.0)
    size = len(answer)
    for _ in range(count):
        connection.start(exchange)
        connection.buffer_updated(size)


def http2_floor(build: Build, count: int) -> None:
    """Send a request over HTTP/2 and take its answer, as the floor does; that is no part of a build."""
    connection = Http2FloorConnection()
    connection.connection_made(_Wire())
    connection.data_received(_SETTINGS)
    head = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"example.com"), (b":path", b"/v1/items/1")]
    connection.begin(Work([*head, (b"accept", b"*/*")], b"", 1 + count, _Nobody()), 1)
    answer = bytearray(_ANSWER)
    for number in range(count):
        for place in _STREAMS:
            pack_into(">I", answer, place, 1 + 2 * number)
        connection.data_received(answer)


def http2(build: Build, count: int) -> None:
    """Send a request over HTTP/2 and take its answer, as the native engine does."""

    class Nobody:
        def answered(self, *arguments: Any) -> None:
            pass

        def resized(self, connection: Any) -> None:
            pass

    scratch = memoryview(bytearray(1 << 16))
    connection = build.http2.Http2Connection("https", scratch, Nobody(), lambda call: call(), lambda: 0.0, 1 + count)
    connection.connection_made(_Wire())
    scratch[: len(_SETTINGS)] = _SETTINGS
    connection.buffer_updated(len(_SETTINGS))
    exchange = build.exchange.Exchange(None, None, None, 0.0, None, 0, 0.0)
    exchange.payload = b"GET /v1/items/1 HTTP/1.1\r\nHost: example.com\r\naccept: */*\r\n\r\n"
    scratch[: len(_ANSWER)] = _ANSWER
    for number in range(count):
        for place in _STREAMS:
            pack_into(">I", scratch, place, 1 + 2 * number)
        connection.start(exchange)
        connection.buffer_updated(len(_ANSWER))


class _Answers:
    """What a stream asks of the client's answers: it keeps no cookies."""

    cookies = None


class _Framed:
    """What a connection knows of a body."""

    class fields:
        encoded = 0


def stream(build: Build, count: int) -> None:
    """Take a piece of a body that is read while it comes, and give it to its reader."""
    exchange = build.exchange.Exchange(None, None, None, 0.0, None, 0, 0.0)
    incoming = build.incoming.Incoming(_Answers, None, exchange)
    incoming.head(_Framed, 200, _HEAD, "1.1")
    for _ in range(count):
        incoming.feed(b"0123456789abcdef")
        incoming.taken()


class _Whole:
    """A response whose body has come, in so many pieces."""

    status = 200
    settings: ClassVar = {"max_response_bytes": None}

    def __init__(self, count: int) -> None:
        self.taken = chain(repeat(b"0123456789abcdef", count), (b"",)).__next__


def pieces(build: Build, count: int) -> None:
    """Read a body piece by piece, as a streamed response does."""

    async def read() -> None:
        async for _ in build.pieces.RawPieces(build.pieces.ReadOnce(_Whole(count))):
            pass

    with suppress(StopIteration):
        read().send(None)


class _Package:
    """What stands for httpx: what it makes of a response is its own."""

    class Headers:
        def __init__(self, fields: Any = ()) -> None:
            self._list = [(name, name.lower(), value) for name, value in fields]
            self._encoding = None

    class Response:
        def __init__(self, status: int, stream: Any, extensions: Any) -> None:
            self.headers = _Package.Headers()
            self.stream = stream

    class ByteStream:
        pass


class _Url:
    scheme, raw_host, port, raw_path = "http", b"example.com", None, b"/v1/items/1"


class _Request:
    """A request as httpx gives it to a transport."""

    class headers:
        raw: ClassVar = [(b"Host", b"example.com"), (b"Accept", b"*/*"), (b"User-Agent", b"example/1.0")]

    url, method, content = _Url, "GET", b""
    extensions: ClassVar = {"timeout": {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}}


_SETTINGS_OF_RELAYS = {"max_response_bytes": None, "as_response": False, "follow_redirects": False}


class _Echo:
    """What stands for a client's connections: it answers at once."""

    closed, fields, transport, cookies = False, _Framed.fields, None, None

    def pool(self, origin: Any, server_name: Any) -> Any:
        return self

    def dispatch(self, exchange: Any, now: float) -> None:
        exchange.sink.head(self, 200, _HEAD, "1.1")
        exchange.sink.feed(b"0123456789abcdef")
        exchange.sink.end()
        exchange.answered(200, b"", b"", 0, "1.1", now)

    def now(self) -> float:
        return 0.0


def adapter(build: Build, count: int) -> None:
    """Pass on a request of httpx's, and its response with a body of one piece, but for what httpx makes of them."""
    echo = _Echo()
    relay = build.relaying.Relay(echo, echo, echo, build.submitter.Terms(_SETTINGS_OF_RELAYS, -1, False))
    life = SimpleNamespace(relay=relay)

    class Transport(build.load("integrations.transport").RelayTransport):  # type: ignore[misc]
        package = _Package
        body_class = build.load("integrations.bodies").ResponseBody
        response_class = _Package.Response
        headers_class = build.load("integrations.heads").quick_headers(_Package)

        def _life_here(self) -> Any:
            return life

    async def pass_on() -> None:
        transport = Transport()
        for _ in range(count):
            body = (await transport.handle_async_request(_Request)).stream
            async for _ in body:
                pass
            await body.aclose()

    with suppress(StopIteration):
        pass_on().send(None)


def dispatcher(build: Build, count: int) -> None:
    """Start an entry that ends at once, and put its answer in its place."""
    plan = build.scheduler.Scheduler(1)

    def submit(data: Any, options: Any, deadline: float, completion: Any, token: int) -> None:
        completion.succeed(token, data)

    runner = build.dispatcher.Dispatcher(
        plan,
        iter([(None, {})] * count),
        build.results.ListResults(count),
        submit,
        lambda: 0.0,
        {},
        1.0,
        lambda entry: 1.0,
        lambda error, index, entry: error,
        lambda: None,
    )
    while not plan.finished():
        runner.run()


class _Rules:
    """What holds for requests that say nothing of their own: a rate, a window for their origin, and a policy."""

    is_single = wants_answers = False

    def __init__(self, build: Build) -> None:
        self.limits = [build.limits.Limits([build.limits.Bucket(1e-9, 1e6)], 100, None, False)]
        self.usual = build.call.Usual(
            "a policy", 1.0, None, None, [[1.0]], build.frozen.frozen, frozenset(), lambda data, options: "origin"
        )

    def circuit_open(self, *arguments: Any) -> None:
        pass


def ruled(build: Build, count: int) -> None:
    """Start an entry under rules that ends at once, and put its answer in its place."""
    plan = build.scheduler.Scheduler(1)

    def submit(data: Any, options: Any, deadline: float, completion: Any, token: int) -> None:
        completion.succeed(token, data)

    runner = build.ruled.RuledDispatcher(
        plan,
        iter([({"path": "/items/1"}, {})] * count),
        build.results.ListResults(count),
        submit,
        lambda: 0.0,
        {},
        1.0,
        lambda entry: 1.0,
        lambda error, index, entry, timeout: error,
        lambda: None,
        _Rules(build),
        lambda when: None,
    )
    while not runner.is_finished():
        runner.run()


class _Rest:
    """The rest of what a connection is given."""

    is_plain = True

    def begin(self, connection: Any) -> None:
        pass

    def time(self) -> float:
        return 0.0


class _Nobody:
    def succeed(self, token: int, answer: Any) -> None:
        pass


def messages(build: Build, count: int) -> None:
    """Send a message over WebSocket and take its answer."""
    owner = _Nobody()
    requests = build.multiplexer.Multiplexer(owner, None, None, lambda: 0.0, lambda when, call: None, 1, 0)
    requests.set_defaults(True, False, False)
    writer = build.frames.FrameWriter(_Wire(), lambda call: None, lambda: bytes(4096))
    matcher, rest = build.matchers.Matcher(), _Rest()
    connection = build.connection.Connection(owner, requests, matcher, writer, rest, rest, None, rest, -1, -1, 0)
    requests.connections.append(connection)
    data, answer, completion = "x" * 64, b"\x81\x40" + b"x" * 64, _Nobody()
    for _ in range(count):
        requests.submit(data, {}, 1.0, completion, 0)
        connection.data_received(answer)
        writer.flush()


PARTS: dict[str, Callable[[Build, int], None]] = {
    part.__name__: part
    for part in (
        scheduler,
        accumulator,
        encoder,
        rich_encoder,
        framing,
        head,
        response,
        redirected,
        inflating,
        stream,
        pieces,
        adapter,
        dispatcher,
        ruled,
        messages,
        http2,
        http2_floor,
    )
    if part not in (http2, http2_floor) or Http2FloorConnection is not None
}
