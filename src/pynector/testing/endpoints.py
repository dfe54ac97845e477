"""The endpoints of the loopback server: from a request to the answer it asks for."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from itertools import repeat

from .compression import CODINGS, MAX_SIZE, compressed_body
from .http2 import faults, rawfaults
from .registry import Answer, BadParameterError, Endpoints, field, integer, is_integer, seconds
from .request import Request
from .response import BLOCK, Framing, NoAnswer, Response, Stream, blocks, reason_phrase
from .state import ServerState

ENDPOINTS = Endpoints()
"""The endpoints by the first segment of their path."""


def respond(request: Request, state: ServerState) -> Answer:
    """Return the answer to a request; one that asks for something impossible gets 400 or 404."""
    endpoint = ENDPOINTS.get(request.endpoint)
    if endpoint is None or (endpoint.needs_argument and not request.argument):
        return Response(404, ("Not found. The endpoints are:\n" + listing()).encode())
    try:
        return endpoint.handler(request, state)
    except BadParameterError as error:
        return Response(400, str(error).encode())


def is_early(request: Request) -> bool:
    """Whether a request of HTTP/2 is to be answered when its head has come, before its body."""
    endpoint = ENDPOINTS.get(request.endpoint)
    return request.parameter("early", "") == "1" or (endpoint is not None and endpoint.early)


def listing() -> str:
    """Return a table of the endpoints, one a line."""
    return "".join(f"  {e.usage:<20} {e.summary}\n" for e in ENDPOINTS.values())


def _json(value: object) -> Response:
    return Response(body=json.dumps(value).encode(), content_type="application/json")


# Echoing


@ENDPOINTS.add("/id/N", "N as text; ?delay=S or A-B seconds, ?fail=P: 503 if N is a multiple of P")
def _id(request: Request, state: ServerState) -> Answer:
    text = request.argument
    response = Response(body=text.encode())
    if request.query:
        response.delay = seconds(request.parameter("delay", "0"))
        period = integer(request.parameter("fail", "0"))
        number = int(text) if is_integer(text) else zlib.crc32(text.encode())
        if period and number % period == 0:
            response.status = 503
    return response


@ENDPOINTS.add("/echo", "the request's body and Content-Type")
def _echo(request: Request, state: ServerState) -> Answer:
    content_type = request.headers.content_type or b"application/octet-stream"
    return Response(body=request.body, content_type=content_type.decode("latin-1"))


@ENDPOINTS.add("/inspect", "JSON: what the server understood of the request")
def _inspect(request: Request, state: ServerState) -> Answer:
    headers = request.headers
    seen = {
        "method": request.method,
        "target": request.target,
        "path": request.path,
        "query": request.query,
        "headers": [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.fields],
        "body": request.body.decode("latin-1"),
        "http_version": request.http_version,
        "connection": request.connection,
    }
    if request.stream:
        seen["stream"] = request.stream
        seen["never_indexed"] = [name.decode("latin-1") for name in headers.never_indexed]
    return _json(seen)


# Time, status and header fields


@ENDPOINTS.add("/delay/SECONDS", "an answer after SECONDS, or after A-B seconds at random")
def _delay(request: Request, state: ServerState) -> Answer:
    return Response(body=request.argument.encode(), delay=seconds(request.argument))


@ENDPOINTS.add("/status/CODE", "that status; ?retry_after=V adds Retry-After")
def _status(request: Request, state: ServerState) -> Answer:
    status = integer(request.argument, 200, 999)
    response = Response(status, f"{status} {reason_phrase(status)}".encode())
    retry_after = request.parameter("retry_after", "")
    if retry_after:
        response.headers = [field("Retry-After", retry_after)]
    return response


@ENDPOINTS.add("/flaky", "?key=K&failures=F&status=S: S for the first F requests of K, then 200")
def _flaky(request: Request, state: ServerState) -> Answer:
    failures = integer(request.parameter("failures", "2"))
    status = integer(request.parameter("status", "503"), 200, 999)
    key = request.parameter("key", "")
    state.attempts[key] += 1
    attempt = state.attempts[key]
    return Response(status if attempt <= failures else 200, str(attempt).encode())


@ENDPOINTS.add("/redirect/N", "302 to N-1 down to 0; ?to=URL&status=CODE: to URL instead")
def _redirect(request: Request, state: ServerState) -> Answer:
    left = integer(request.argument)
    status = integer(request.parameter("status", "302"), 300, 399)
    location = request.parameter("to", "")
    if not location:
        if left == 0:
            return Response(body=b"done")
        location = f"/redirect/{left - 1}" + request.target[len(request.path) :]
    return Response(status, b"redirect", headers=[field("Location", location)])


@ENDPOINTS.add("/headers", "a response with the header fields in the query, as they are")
def _headers(request: Request, state: ServerState) -> Answer:
    return Response(body=b"headers", headers=[field(*pair) for pair in request.query])


# Bodies of all kinds


@ENDPOINTS.add("/bytes/N", "N bytes; ?chunked=1 in chunked coding")
def _bytes(request: Request, state: ServerState) -> Answer:
    size = integer(request.argument)
    if integer(request.parameter("chunked", "0"), 0, 1):
        # A client of HTTP/1.0 does not know the chunked coding.
        known = request.http_version != "HTTP/1.0"
        return Stream(blocks(size), size, Framing.CHUNKED if known else Framing.CLOSE)
    if size <= len(BLOCK):
        return Response(body=BLOCK[:size], content_type="application/octet-stream")
    return Stream(blocks(size), size)


@ENDPOINTS.add("/compressed/CODING", "JSON compressed by one of " + ", ".join(CODINGS) + "; ?size=N")
def _compressed(request: Request, state: ServerState) -> Answer:
    coding = request.argument
    if coding not in CODINGS:
        raise BadParameterError(f"expected one of {', '.join(CODINGS)}, got {coding!r}")
    text = request.parameter("size", "")
    size = integer(text, 0, MAX_SIZE) if text else None
    return Response(
        body=compressed_body(coding, size),
        content_type="application/json",
        headers=[("Content-Encoding", CODINGS[coding])],
    )


@ENDPOINTS.add("/drip/N", "N bytes, one every ?interval=S seconds (0.05)")
def _drip(request: Request, state: ServerState) -> Answer:
    size = integer(request.argument)
    return Stream(repeat(b".", size), size, interval=seconds(request.parameter("interval", "0.05")))


@ENDPOINTS.add("/endless", "a body without an end: pieces of ?size=N bytes, one every ?interval=S seconds")
def _endless(request: Request, state: ServerState) -> Answer:
    size = integer(request.parameter("size", "16384"), 1, len(BLOCK))
    known = request.http_version != "HTTP/1.0"
    interval = seconds(request.parameter("interval", "0"))
    return Stream(repeat(BLOCK[:size]), 0, Framing.CHUNKED if known else Framing.CLOSE, interval)


@ENDPOINTS.add("/events/N", "N server-sent events after Last-Event-ID, ?each=K of them an answer, then 204")
def _events(request: Request, state: ServerState) -> Answer:
    count = integer(request.argument)
    known = {name.lower(): value for name, value in request.headers.fields}.get(b"last-event-id", b"0")
    start = integer(known.decode("latin-1")) + 1
    end = min(count, start + integer(request.parameter("each", str(count)), 1) - 1)
    if start > count:
        return Response(204)
    events = "".join(f"id: {number}\ndata: event {number}\n\n" for number in range(start, end + 1))
    return Response(body=f"retry: 1\n\n{events}".encode(), content_type="text/event-stream")


@ENDPOINTS.add("/close-delimited/N", "N bytes without Content-Length, then the connection is closed")
def _close_delimited(request: Request, state: ServerState) -> Answer:
    size = integer(request.argument)
    return Stream(blocks(size), size, Framing.CLOSE)


# Misbehaviour


@ENDPOINTS.add("/truncate/N", "announces N bytes, sends half of them and closes")
def _truncate(request: Request, state: ServerState) -> Answer:
    size = integer(request.argument)
    return Stream(blocks(size // 2), size, truncated=True)


@ENDPOINTS.add("/extra", "a valid response with junk after its end")
def _extra(request: Request, state: ServerState) -> Answer:
    return Response(body=b"extra", trailing=b"junk after the end")


@ENDPOINTS.add("/hang", "no answer at all")
def _hang(request: Request, state: ServerState) -> Answer:
    return NoAnswer.HANG


@ENDPOINTS.add("/close", "no answer, the connection is closed")
def _close(request: Request, state: ServerState) -> Answer:
    return NoAnswer.CLOSE


# Counts


@ENDPOINTS.add("/stats", "JSON: the counts, this request not among them")
def _stats(request: Request, state: ServerState) -> Answer:
    response = _json(asdict(state.snapshot()))
    response.counted = False
    return response


@ENDPOINTS.add("/reset", "sets the counts to zero and forgets /flaky")
def _reset(request: Request, state: ServerState) -> Answer:
    state.reset()
    return Response(body=b"reset", counted=False)


ENDPOINTS.update(faults.FAULTS | rawfaults.FAULTS)
