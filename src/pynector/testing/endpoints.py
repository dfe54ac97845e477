"""The endpoints of the loopback server: from a request to the answer it asks for."""

from __future__ import annotations

import json
import random
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import repeat

from .compression import CODINGS, MAX_SIZE, compressed_body
from .request import Request
from .response import BLOCK, Framing, NoAnswer, Response, Stream, blocks, reason_phrase
from .state import ServerState

Answer = Response | Stream | NoAnswer
Handler = Callable[[Request, ServerState], Answer]

_NUMBER = r"(\d+\.?\d*|\.\d+)"
_SECONDS = re.compile(rf"{_NUMBER}(?:-{_NUMBER})?", re.ASCII)
_INTEGER = re.compile(r"\d{1,15}", re.ASCII)
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class BadParameterError(Exception):
    """A path segment or query parameter that the endpoint cannot use."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint: how its path is written, what it answers, and the function that does it."""

    usage: str
    summary: str
    handler: Handler

    @property
    def needs_argument(self) -> bool:
        """Whether the path has to go on after the name of the endpoint."""
        return "/" in self.usage[1:]


ENDPOINTS: dict[str, Endpoint] = {}
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


def listing() -> str:
    """Return a table of the endpoints, one a line."""
    return "".join(f"  {e.usage:<20} {e.summary}\n" for e in ENDPOINTS.values())


def _endpoint(usage: str, summary: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        ENDPOINTS[usage.split("/")[1]] = Endpoint(usage, summary, handler)
        return handler

    return register


# Reading parameters


def _integer(text: str, low: int = 0, high: int = 10**15) -> int:
    if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
        raise BadParameterError(f"expected an integer from {low} to {high}, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise BadParameterError(f"expected seconds as in 0.5 or 0.1-0.9, got {text!r}")
    low = float(match[1])
    return low if match[2] is None else random.uniform(low, float(match[2]))


def _field(name: str, value: str) -> tuple[str, str]:
    if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
        raise BadParameterError(f"not a header field: {name!r}: {value!r}")
    return name, value


def _json(value: object) -> Response:
    return Response(body=json.dumps(value).encode(), content_type="application/json")


# Echoing


@_endpoint("/id/N", "N as text; ?delay=S or A-B seconds, ?fail=P: 503 if N is a multiple of P")
def _id(request: Request, state: ServerState) -> Answer:
    text = request.argument
    response = Response(body=text.encode())
    if request.query:
        response.delay = _seconds(request.parameter("delay", "0"))
        period = _integer(request.parameter("fail", "0"))
        number = int(text) if _INTEGER.fullmatch(text) else zlib.crc32(text.encode())
        if period and number % period == 0:
            response.status = 503
    return response


@_endpoint("/echo", "the request's body and Content-Type")
def _echo(request: Request, state: ServerState) -> Answer:
    content_type = request.headers.content_type or b"application/octet-stream"
    return Response(body=request.body, content_type=content_type.decode("latin-1"))


@_endpoint("/inspect", "JSON: what the server understood of the request")
def _inspect(request: Request, state: ServerState) -> Answer:
    fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers.fields]
    return _json(
        {
            "method": request.method,
            "target": request.target,
            "path": request.path,
            "query": request.query,
            "headers": fields,
            "body": request.body.decode("latin-1"),
            "http_version": request.http_version,
            "connection": request.connection,
        }
    )


# Time, status and header fields


@_endpoint("/delay/SECONDS", "an answer after SECONDS, or after A-B seconds at random")
def _delay(request: Request, state: ServerState) -> Answer:
    return Response(body=request.argument.encode(), delay=_seconds(request.argument))


@_endpoint("/status/CODE", "that status; ?retry_after=V adds Retry-After")
def _status(request: Request, state: ServerState) -> Answer:
    status = _integer(request.argument, 200, 999)
    response = Response(status, f"{status} {reason_phrase(status)}".encode())
    retry_after = request.parameter("retry_after", "")
    if retry_after:
        response.headers = [_field("Retry-After", retry_after)]
    return response


@_endpoint("/flaky", "?key=K&failures=F&status=S: S for the first F requests of K, then 200")
def _flaky(request: Request, state: ServerState) -> Answer:
    failures = _integer(request.parameter("failures", "2"))
    status = _integer(request.parameter("status", "503"), 200, 999)
    key = request.parameter("key", "")
    state.attempts[key] += 1
    attempt = state.attempts[key]
    return Response(status if attempt <= failures else 200, str(attempt).encode())


@_endpoint("/redirect/N", "302 to N-1 down to 0; ?to=URL&status=CODE: to URL instead")
def _redirect(request: Request, state: ServerState) -> Answer:
    left = _integer(request.argument)
    status = _integer(request.parameter("status", "302"), 300, 399)
    location = request.parameter("to", "")
    if not location:
        if left == 0:
            return Response(body=b"done")
        location = f"/redirect/{left - 1}" + request.target[len(request.path) :]
    return Response(status, b"redirect", headers=[_field("Location", location)])


@_endpoint("/headers", "a response with the header fields in the query, as they are")
def _headers(request: Request, state: ServerState) -> Answer:
    return Response(body=b"headers", headers=[_field(*pair) for pair in request.query])


# Bodies of all kinds


@_endpoint("/bytes/N", "N bytes; ?chunked=1 in chunked coding")
def _bytes(request: Request, state: ServerState) -> Answer:
    size = _integer(request.argument)
    if _integer(request.parameter("chunked", "0"), 0, 1):
        # A client of HTTP/1.0 does not know the chunked coding.
        known = request.http_version == "HTTP/1.1"
        return Stream(blocks(size), size, Framing.CHUNKED if known else Framing.CLOSE)
    if size <= len(BLOCK):
        return Response(body=BLOCK[:size], content_type="application/octet-stream")
    return Stream(blocks(size), size)


@_endpoint("/compressed/CODING", "JSON compressed by one of " + ", ".join(CODINGS) + "; ?size=N")
def _compressed(request: Request, state: ServerState) -> Answer:
    coding = request.argument
    if coding not in CODINGS:
        raise BadParameterError(f"expected one of {', '.join(CODINGS)}, got {coding!r}")
    text = request.parameter("size", "")
    size = _integer(text, 0, MAX_SIZE) if text else None
    return Response(
        body=compressed_body(coding, size),
        content_type="application/json",
        headers=[("Content-Encoding", CODINGS[coding])],
    )


@_endpoint("/drip/N", "N bytes, one every ?interval=S seconds (0.05)")
def _drip(request: Request, state: ServerState) -> Answer:
    size = _integer(request.argument)
    return Stream(repeat(b".", size), size, interval=_seconds(request.parameter("interval", "0.05")))


@_endpoint("/close-delimited/N", "N bytes without Content-Length, then the connection is closed")
def _close_delimited(request: Request, state: ServerState) -> Answer:
    size = _integer(request.argument)
    return Stream(blocks(size), size, Framing.CLOSE)


# Misbehaviour


@_endpoint("/truncate/N", "announces N bytes, sends half of them and closes")
def _truncate(request: Request, state: ServerState) -> Answer:
    size = _integer(request.argument)
    return Stream(blocks(size // 2), size, truncated=True)


@_endpoint("/extra", "a valid response with junk after its end")
def _extra(request: Request, state: ServerState) -> Answer:
    return Response(body=b"extra", trailing=b"junk after the end")


@_endpoint("/hang", "no answer at all")
def _hang(request: Request, state: ServerState) -> Answer:
    return NoAnswer.HANG


@_endpoint("/close", "no answer, the connection is closed")
def _close(request: Request, state: ServerState) -> Answer:
    return NoAnswer.CLOSE


# Counts


@_endpoint("/stats", "JSON: the counts, this request not among them")
def _stats(request: Request, state: ServerState) -> Answer:
    response = _json(asdict(state.snapshot()))
    response.counted = False
    return response


@_endpoint("/reset", "sets the counts to zero and forgets /flaky")
def _reset(request: Request, state: ServerState) -> Answer:
    state.reset()
    return Response(body=b"reset", counted=False)
