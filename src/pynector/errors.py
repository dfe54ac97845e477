"""The exceptions of Pynector. All that it raises, and all that stands in a batch for a failure, is one of these.

PynectorError
├── ConfigurationError (ValueError)      a wrong argument, option, setting or variable
├── CheckpointError                      the file of a checkpoint cannot be used, or not be written
├── JSONError (ValueError)               a body or a message is not JSON
├── TimeoutError (builtins.TimeoutError) a deadline passed
└── TransportError                       the exchange with the peer failed
    ├── ConnectError (ConnectionError)   no connection could be made
    ├── CircuitOpen                      the request's origin is left alone, as too much has failed there
    ├── ConnectionLost (ConnectionError) the connection broke before the answer was complete
    │   └── WebSocketClosed              the WebSocket was closed before the answer came
    ├── RemoteError                      the peer answered with an error
    ├── ProtocolError                    the peer broke the protocol
    ├── DecodingError                    the body is not what its coding says
    ├── ResponseTooLarge                 the answer is longer than allowed
    ├── TooManyRedirects                 the chain of redirects is longer than allowed
    └── HTTPStatusError                  the answer came, with a status of 400 or above
"""

from __future__ import annotations

import asyncio
import builtins
import copy
from typing import TYPE_CHECKING, Any, Literal

import anyio

from .causes import LASTING_CODES, LASTING_ERRORS, RETRYABLE_STATUS, Lasting, may_pass, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class StatusResponse(Protocol):
        """What the response of an error has; over HTTP it is a `pynector.Response`."""

        @property
        def status_code(self) -> int:
            """The status."""

        @property
        def headers(self) -> Mapping[str, str]:
            """The header fields, by name without regard to case."""

        @property
        def content(self) -> bytes:
            """The body."""

        @property
        def text(self) -> str:
            """The body as text."""

        def json(self) -> Any:
            """Parse the body as JSON."""


Phase = Literal["queue", "connect", "tls", "write", "headers", "body"]
Sent = Literal["none", "partial", "full"]

_WHILE: dict[Phase, str] = {
    "queue": "waiting for a free connection",
    "connect": "connecting",
    "tls": "in the TLS handshake",
    "write": "sending the request",
    "headers": "waiting for the headers",
    "body": "reading the body",
}

# How much of a request may have left, least first; None: the transport cannot tell, which is more than "none".
_BY_AMOUNT: tuple[Sent | None, ...] = ("none", None, "partial", "full")

_BROKEN = (OSError, EOFError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


class PynectorError(Exception):
    """Base class of all Pynector errors.

    Args:
        message: What happened, and what would be right.
        request: The request it happened to, for HTTP its method and its URL without query and credentials.
    """

    def __init__(self, message: str = "", *, request: str | None = None) -> None:
        super().__init__(message)
        self.request = request

    def __str__(self) -> str:
        message = self._said()
        return f"{message} [{self.request}]" if self.request else message

    def _said(self) -> str:
        return super().__str__()


class ConfigurationError(PynectorError, ValueError):
    """An argument, an option, a setting or an environment variable has no valid value.

    Attributes:
        sent: How much of the request had left: "none", unless that came out at a redirect.
    """

    sent: Sent | None = "none"


class CheckpointError(PynectorError):
    """The file of a checkpoint cannot be used, or not be written: it is another job's, or none, or the disk is full."""


class JSONError(PynectorError, ValueError):
    """A body or a message is not JSON."""


class _Progress(PynectorError):
    """An error of one exchange, which says how far the exchange had come.

    Attributes:
        phase: What was under way: "queue" (it waited for a connection to be free), "connect", "tls", "write",
            "headers" or "body"; None if the transport cannot tell.
        sent: How much of the request had left: "none", "partial" or "full"; None if the transport cannot tell.
            After "none" the peer cannot have acted on the request.
        attempts: How many attempts there were; 0 if it never came to one.
    """

    def __init__(
        self,
        message: str = "",
        *,
        request: str | None = None,
        phase: Phase | None = None,
        sent: Sent | None = None,
    ) -> None:
        super().__init__(message, request=request)
        self.phase = phase
        self.sent = sent
        self.attempts = 1

    def __str__(self) -> str:
        said = super().__str__()
        return said if self.attempts <= 1 else f"{said} (the last of {self.attempts} attempts)"

    def after(self, sent: Sent | None) -> None:
        """Take note that an earlier try of the same request (a hop, a replay, an attempt) had sent that much."""
        self.sent = most_sent(self.sent, sent)


class TimeoutError(_Progress, builtins.TimeoutError):
    """A deadline passed: the request's own, or that of its batch.

    Args:
        message: What happened; "": that there was no whole answer in time.

    Attributes:
        seconds: How long the exchange might take; None if that is not known.
    """

    def __init__(
        self,
        message: str = "",
        *,
        request: str | None = None,
        phase: Phase | None = None,
        sent: Sent | None = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(message, request=request, phase=phase, sent=sent)
        self.seconds = seconds

    def _said(self) -> str:
        if said := super()._said():
            return said
        time = "in time" if self.seconds is None else f"within {self.seconds:.3g} s"
        return f"no whole answer {time}" + (f", while {_WHILE[self.phase]}" if self.phase else "")


class TransportError(_Progress):
    """The exchange with the peer failed.

    Args:
        came_of: What it came of, where that says whether it may pass: an exception, the status that a proxy or a
            handshake was answered with, or one of the words for what will be so again.

    Attributes:
        transient: Whether the same request may succeed if it is sent again.
    """

    transient = True

    def __init__(
        self,
        message: str = "",
        *,
        request: str | None = None,
        phase: Phase | None = None,
        sent: Sent | None = None,
        came_of: BaseException | int | Lasting | None = None,
    ) -> None:
        super().__init__(message, request=request, phase=phase, sent=sent)
        if came_of is not None:
            self.transient = may_pass(came_of)


class ConnectError(TransportError, ConnectionError):
    """No connection could be made: name not found, refused, unreachable, TLS handshake failed.

    Attributes:
        response: What the server answered a WebSocket handshake with that it refused, else None. It has `status_code`
            and `headers`.
        proxy_failed: Whether it was a proxy that could not be reached, or made no way to the server.
        proxy_status: The status with which an HTTP proxy has refused to, or None.
    """

    response: StatusResponse | None = None
    proxy_failed = False
    proxy_status: int | None = None


class CircuitOpen(TransportError):
    """Too many requests to an origin have failed, so that it is left alone for a while; see CircuitBreaker.

    Attributes:
        seconds: In how many seconds a request is let through again, to see.
    """

    transient = False
    seconds = 0.0


class ConnectionLost(TransportError, ConnectionError):
    """The connection broke before the answer was complete."""


class HTTP2Error(ConnectionLost):
    """The server ended the request's stream, or its connection, with an error code of HTTP/2.

    Attributes:
        code: The error code (RFC 9113 section 7).
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: int = 0,
        request: str | None = None,
        phase: Phase | None = None,
        sent: Sent | None = None,
    ) -> None:
        super().__init__(message, request=request, phase=phase, sent=sent)
        self.code = code

    @property
    def transient(self) -> bool:  # type: ignore[override]
        """Whether the code is one that may pass; not INADEQUATE_SECURITY and HTTP_1_1_REQUIRED."""
        return self.code not in LASTING_ERRORS


class WebSocketClosed(ConnectionLost):
    """The WebSocket connection was closed before the answer came.

    Attributes:
        code: The close code (RFC 6455 section 7.4); 1006 if the peer gave none.
        reason: What the peer said, or "".
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: int = 1006,
        reason: str = "",
        request: str | None = None,
        phase: Phase | None = None,
        sent: Sent | None = None,
    ) -> None:
        super().__init__(message, request=request, phase=phase, sent=sent)
        self.code = code
        self.reason = reason

    @property
    def transient(self) -> bool:  # type: ignore[override]
        """Whether the code is one that may pass; not 1002, 1003, or 1007 to 1010, which are about what was sent."""
        return self.code not in LASTING_CODES


class RemoteError(TransportError):
    """The peer answered a message with an error, as JSON-RPC 2.0 has it (section 5.1).

    Attributes:
        code: The error's number, or None.
        data: What the peer said beyond its message, or None.
    """

    transient = False

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        data: Any = None,
        request: str | None = None,
        phase: Phase | None = "body",
        sent: Sent | None = "full",
    ) -> None:
        super().__init__(message, request=request, phase=phase, sent=sent)
        self.code = code
        self.data = data


class ProtocolError(TransportError):
    """The peer sent something that its protocol does not allow."""


class DecodingError(TransportError):
    """The body is not what its content coding says, or ends too soon."""


class ResponseTooLarge(TransportError):
    """The answer, decoded, is longer than `max_response_bytes`."""

    transient = False


class TooManyRedirects(TransportError):
    """More than `max_redirects` redirects followed one another."""

    transient = False


class HTTPStatusError(TransportError):
    """The answer came, with a status of 400 or above.

    Attributes:
        response: The whole answer; None only if the error was made without one.
        status_code: Its status.
    """

    response: StatusResponse
    status_code: int

    def __init__(
        self,
        message: str = "",
        *,
        response: StatusResponse | None = None,
        request: str | None = None,
    ) -> None:
        super().__init__(message, request=request, phase="body", sent="full")
        # Whoever catches one has a response, and need not ask.
        self.response = response  # type: ignore[assignment]
        self.status_code = response.status_code if response is not None else 0

    @property
    def transient(self) -> bool:  # type: ignore[override]
        """Whether the status is one that may pass: 408, 425, 429, 500, 502, 503 or 504."""
        return self.status_code in RETRYABLE_STATUS


def most_sent(first: Sent | None, second: Sent | None) -> Sent | None:
    """Return the larger of two amounts sent: what two tries of one request come to together."""
    return max(first, second, key=_BY_AMOUNT.index)


def client_closed(phase: Phase | None, sent: Sent | None, request: str | None = None) -> TransportError:
    """Return the error of a request that the end of its client has ended."""
    said = "the client was closed before the answer came"
    return TransportError(said, request=request, phase=phase, sent=sent, came_of="closed")


def cancelled_itself(phase: Phase | None = None, sent: Sent | None = None) -> TransportError:
    """Return the error of a request that a cancellation ended which nobody had asked for, as out of an auth flow."""
    return TransportError("the transport cancelled the request by itself", phase=phase, sent=sent)


def for_another(error: PynectorError, request: str | None) -> PynectorError:
    """Return an error like `error` that belongs to another request: no two requests share one."""
    other = copy.copy(error)
    other.request = request
    other.__cause__ = error.__cause__
    return other


def as_pynector_error(error: BaseException, request: str | None = None) -> PynectorError:
    """Give `error` itself where it is a PynectorError, else the fitting PynectorError with `error` as its cause."""
    if isinstance(error, PynectorError):
        if error.request is None:
            error.request = request
        return error
    name, text = type(error).__name__, text_of(error)
    said = name if text == name else f"{name}: {text}"
    wrapped: PynectorError
    # asyncio's is a class of its own up to Python 3.10.
    if isinstance(error, (builtins.TimeoutError, asyncio.TimeoutError)):
        wrapped = TimeoutError(f"the transport gave up waiting: {said}", request=request)
    elif isinstance(error, _BROKEN):
        wrapped = TransportError(f"the connection failed: {said}", request=request)
    else:
        wrapped = PynectorError(f"unexpected error in the transport: {said}", request=request)
    wrapped.__cause__ = error
    return wrapped
