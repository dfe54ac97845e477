"""Endpoints that break the rules of HTTP/2, by frames and blocks of fields that are written as they are."""

from __future__ import annotations

from ..response import BLOCK, Response
from . import frames
from .acting import Faults, choice, given_fields, hexadecimal, named, number, wait
from .exchange import Exchange, Steps
from .faults import come_to

FAULTS = Faults()
"""The endpoints of this module."""

_OK = (b":status", b"200")


@FAULTS.act(
    "/h2-frame",
    "a frame of ?type=T (data), flags=F, stream=this, next or N, payload=HEX or size=N; count=N times (0: for ever), "
    "at=start, head, body or end",
)
def _frame(exchange: Exchange) -> Steps:
    parameter = exchange.request.parameter
    kind = named(parameter("type", "data"), frames.TYPES, 255)
    flags = number(exchange, "flags", 0, high=255)
    of_connection = kind in (frames.SETTINGS, frames.PING, frames.GOAWAY)
    text = parameter("stream", "0" if of_connection else "this")
    stream = named(text, {"this": exchange.stream, "next": exchange.stream + 2}, 2**31 - 1)
    payload = hexadecimal(parameter("payload", "")) or bytes(number(exchange, "size", 0, high=2**24 - 1))
    count = number(exchange, "count", 1)
    at = choice(exchange, "at", ("start", "head", "body", "end"))
    come_to(exchange, at)
    data = frames.frame(kind, flags, stream, payload)
    exchange.wire.raw(data * (count or 1))
    while not count:
        yield wait(exchange, "interval", "0.01")
        if exchange.wire.writable:
            exchange.wire.raw(data * 100)
    if at == "start":
        exchange.send(Response(body=b"frame"))
    elif at != "end":
        exchange.send_data(b"frame", end=True)


@FAULTS.act(
    "/h2-fields", "a response with the fields in the query, as they are; :status is 200 unless one begins with :"
)
def _fields(exchange: Exchange) -> None:
    fields = given_fields(exchange)
    if not any(name.startswith(b":") for name, _ in fields):
        fields.insert(0, _OK)
    exchange.raw_head(fields)
    exchange.raw_data(b"fields", end=True)
    exchange.forget()


@FAULTS.act("/h2-trailers", "trailers with the fields in the query, as they are")
def _trailers(exchange: Exchange) -> None:
    exchange.raw_head([_OK])
    exchange.raw_data(b"trailers")
    exchange.raw_head(given_fields(exchange), end=True)
    exchange.forget()


@FAULTS.act(
    "/h2-informational", "?count=N heads with ?status=CODE (103) before the response, ?end=1: they end the stream"
)
def _informational(exchange: Exchange) -> None:
    status = number(exchange, "status", 103, 0, 999)
    end = bool(number(exchange, "end", 0))
    for _ in range(number(exchange, "count", 1)):
        exchange.raw_head([(b":status", b"%d" % status), (b"link", b"</style.css>; rel=preload")], end=end)
    exchange.send(Response(body=b"informational"))


@FAULTS.act(
    "/h2-push",
    "PUSH_PROMISE of ?path=P (/id/1) as ?promised=N (2) before the response, ?answer=1: with what it promises",
)
def _push(exchange: Exchange) -> None:
    promised = number(exchange, "promised", 2, high=2**31 - 1)
    path = exchange.request.parameter("path", "/id/1").encode()
    block = frames.block([(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"localhost"), (b":path", path)])
    payload = promised.to_bytes(4, "big") + block
    exchange.wire.raw(frames.frame(frames.PUSH_PROMISE, frames.END_HEADERS, exchange.stream, payload))
    if number(exchange, "answer", 0):
        exchange.wire.raw(frames.headers(promised, frames.block([_OK]), frames.END_STREAM))
    exchange.send(Response(body=b"push"))


@FAULTS.act(
    "/h2-continuation",
    "HEADERS and ?count=N (1000) CONTINUATION frames with a field of ?size=M (0) bytes; ?end=1: they end",
)
def _continuation(exchange: Exchange) -> None:
    count = number(exchange, "count", 1000, high=10**6)
    size = number(exchange, "size", 0, high=16000)
    end = number(exchange, "end", 0)
    piece = frames.literal(b"x", BLOCK[:size]) if size else b""
    data = frames.frame(frames.HEADERS, 0, exchange.stream, frames.block([_OK]))
    data += frames.frame(frames.CONTINUATION, 0, exchange.stream, piece) * count
    if end:
        data += frames.frame(frames.CONTINUATION, frames.END_HEADERS, exchange.stream)
        data += frames.frame(frames.DATA, frames.END_STREAM, exchange.stream, b"continuation")
    # At once: no other frame may come between them.
    exchange.wire.raw(data)
    if end:
        exchange.forget()


@FAULTS.act("/h2-large", "a response with ?count=N (100) fields of ?size=M (1000) bytes each")
def _large(exchange: Exchange) -> None:
    count = number(exchange, "count", 100, high=10**6)
    size = number(exchange, "size", 1000, high=len(BLOCK))
    exchange.raw_head([_OK, *((b"x-%d" % index, BLOCK[:size]) for index in range(count))])
    exchange.raw_data(b"large", end=True)
    exchange.forget()


@FAULTS.act("/h2-bomb", "a response with ?size=N bytes of fields that take a byte for each 4 KiB")
def _bomb(exchange: Exchange) -> None:
    # The first field fills the dynamic table, and each of the others is its index, 62, again.
    times = number(exchange, "size", 1 << 26, 4096, 1 << 34) // 4096
    block = frames.block([_OK]) + frames.literal(b"x", BLOCK[:4063], remember=True) + b"\xbe" * (times - 1)
    exchange.wire.raw(frames.headers(exchange.stream, block))
    exchange.raw_data(b"bomb", end=True)
    exchange.forget()


@FAULTS.act("/h2-block/HEX", "a response with that block of HPACK for its head, and no body")
def _block(exchange: Exchange) -> None:
    block = hexadecimal(exchange.request.argument)
    exchange.wire.raw(frames.headers(exchange.stream, block, frames.END_STREAM))
    exchange.forget()


@FAULTS.act("/h2-padded", "a response of ?size=N (1000) bytes whose frames all have ?padding=P (255) bytes")
def _padded(exchange: Exchange) -> None:
    size = number(exchange, "size", 1000, high=len(BLOCK))
    padding = number(exchange, "padding", 255, high=255)
    head = frames.padded(frames.block([_OK, (b"content-length", b"%d" % size)]), padding)
    exchange.wire.raw(frames.frame(frames.HEADERS, frames.END_HEADERS | frames.PADDED, exchange.stream, head))
    for at in range(0, size, 10_000):
        data = frames.padded(BLOCK[at : min(at + 10_000, size)], padding)
        exchange.wire.raw(frames.frame(frames.DATA, frames.PADDED, exchange.stream, data))
    exchange.wire.raw(
        frames.frame(frames.DATA, frames.PADDED | frames.END_STREAM, exchange.stream, frames.padded(b"", padding))
    )
    exchange.forget()
