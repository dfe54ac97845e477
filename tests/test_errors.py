"""The exceptions: what they inherit, what they say, and that they can be pickled."""

from __future__ import annotations

import asyncio
import builtins
import copy
import pickle
import ssl
from typing import Any

import anyio
import pytest

import pynector
from pynector import errors
from pynector.causes import text_of
from pynector.errors import HTTPStatusError, PynectorError, TimeoutError, TransportError, as_pynector_error

PUBLIC = [
    getattr(errors, name)
    for name in pynector.__all__
    if isinstance(getattr(errors, name, None), type) and issubclass(getattr(errors, name), PynectorError)
]

BUILTINS = {
    "ConfigurationError": ValueError,
    "JSONError": ValueError,
    "TimeoutError": builtins.TimeoutError,
    "ConnectError": ConnectionError,
    "ConnectionLost": ConnectionError,
}


class Answer:
    """A response as far as an HTTPStatusError looks at it."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answer) and other.status_code == self.status_code

    __hash__ = None  # type: ignore[assignment]


def made(kind: type[PynectorError]) -> PynectorError:
    if issubclass(kind, HTTPStatusError):
        return kind("it failed", response=Answer(503), request="GET http://h/p")
    if issubclass(kind, (TransportError, TimeoutError)):
        return kind("it failed", request="GET http://h/p", phase="headers", sent="full")
    return kind("it failed", request="GET http://h/p")


def test_there_are_all_the_errors_of_the_documentation() -> None:
    assert [kind.__name__ for kind in PUBLIC] == [
        "CheckpointError",
        "CircuitOpen",
        "ConfigurationError",
        "ConnectError",
        "ConnectionLost",
        "DecodingError",
        "HTTP2Error",
        "HTTPStatusError",
        "JSONError",
        "ProtocolError",
        "PynectorError",
        "RemoteError",
        "ResponseTooLarge",
        "TimeoutError",
        "TooManyRedirects",
        "TransportError",
        "WebSocketClosed",
    ]


@pytest.mark.parametrize("kind", PUBLIC)
def test_inherits_the_builtin_of_its_kind(kind: type[PynectorError]) -> None:
    assert issubclass(kind, PynectorError)
    assert issubclass(kind, BUILTINS.get(kind.__name__, Exception))


@pytest.mark.parametrize("kind", [PynectorError, errors.ConfigurationError, TimeoutError])
def test_what_is_no_failed_exchange_is_no_transport_error(kind: type[PynectorError]) -> None:
    assert not issubclass(kind, TransportError)


@pytest.mark.parametrize("clone", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
@pytest.mark.parametrize("kind", PUBLIC)
def test_a_copy_keeps_everything(kind: type[PynectorError], clone: Any) -> None:
    error = made(kind)
    other = clone(error)
    assert type(other) is kind
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
    assert getattr(other, "transient", None) == getattr(error, "transient", None)


@pytest.mark.parametrize("kind", PUBLIC)
def test_names_the_request(kind: type[PynectorError]) -> None:
    assert str(made(kind)) == "it failed [GET http://h/p]"


@pytest.mark.parametrize("kind", PUBLIC)
def test_says_only_what_it_was_told(kind: type[PynectorError]) -> None:
    error = kind("it failed")
    assert str(error) == "it failed"
    assert error.request is None
    assert str(kind()) == ("no whole answer in time" if kind is TimeoutError else "")


def test_tells_how_far_the_exchange_came() -> None:
    error = errors.ConnectionLost("lost", phase="write", sent="partial")
    assert (error.phase, error.sent) == ("write", "partial")
    assert (TimeoutError("late").phase, TimeoutError("late").sent) == (None, None)


@pytest.mark.parametrize(
    ("kind", "transient"),
    [
        (TransportError, True),
        (errors.ConnectError, True),
        (errors.ConnectionLost, True),
        (errors.ProtocolError, True),
        (errors.ResponseTooLarge, False),
        (errors.TooManyRedirects, False),
    ],
)
def test_says_whether_it_may_pass(kind: type[TransportError], transient: bool) -> None:
    assert kind("it failed").transient is transient


class Alert(ssl.SSLError):
    """An error of TLS with OpenSSL's name of an alert."""

    def __init__(self, reason: str) -> None:
        super().__init__(1, reason)
        self.reason = reason


@pytest.mark.parametrize(
    ("cause", "passes"),
    [
        (None, True),
        (OSError("unreachable"), True),
        (ValueError("of somebody's code"), True),
        (ssl.SSLError("handshake"), True),
        (ssl.SSLCertVerificationError("expired"), False),
        (Alert("TLSV1_ALERT_UNKNOWN_CA"), False),
        (Alert("TLSV1_ALERT_INTERNAL_ERROR"), True),
        (TransportError("it may"), True),
        (errors.TooManyRedirects("it may not"), False),
        (403, False),
        (429, True),
        (500, True),
        ("address", False),
        ("closed", False),
    ],
)
def test_what_it_came_of_says_whether_it_may_pass(cause: Any, passes: bool) -> None:
    assert errors.ConnectError("no connection", came_of=cause).transient is passes


@pytest.mark.parametrize("status", range(400, 600))
def test_a_few_statuses_may_pass(status: int) -> None:
    error = HTTPStatusError("no", response=Answer(status))
    assert error.status_code == status
    assert error.transient is (status in (408, 425, 429, 500, 502, 503, 504))
    assert (error.phase, error.sent) == ("body", "full")


def test_a_status_error_without_a_response_does_not_pass() -> None:
    error = HTTPStatusError("no")
    assert (error.response, error.status_code, error.transient) == (None, 0, False)


@pytest.mark.parametrize(
    ("foreign", "kind"),
    [
        (builtins.TimeoutError("slow"), TimeoutError),
        (asyncio.TimeoutError(), TimeoutError),
        (ConnectionResetError("gone"), TransportError),
        (OSError(5, "I/O"), TransportError),
        (ssl.SSLError("handshake"), TransportError),
        (EOFError(), TransportError),
        (asyncio.IncompleteReadError(b"ab", 5), TransportError),
        (anyio.BrokenResourceError(), TransportError),
        (anyio.ClosedResourceError(), TransportError),
        (anyio.EndOfStream(), TransportError),
        (ValueError("bad"), PynectorError),
        (KeyError("k"), PynectorError),
        (asyncio.CancelledError("c"), PynectorError),
    ],
)
def test_a_foreign_error_becomes_ours(foreign: BaseException, kind: type[PynectorError]) -> None:
    error = as_pynector_error(foreign, "request 3")
    assert type(error) is kind
    assert error.__cause__ is foreign
    assert error.request == "request 3"
    assert type(foreign).__name__ in str(error)
    assert str(foreign) in str(error)


def test_our_own_error_stays_the_same() -> None:
    error = TransportError("it failed")
    assert as_pynector_error(error) is error
    assert error.request is None
    assert as_pynector_error(error, "GET /a") is error
    assert error.request == "GET /a"
    assert as_pynector_error(error, "GET /b").request == "GET /a"


@pytest.mark.parametrize(
    ("earlier", "later", "most"),
    [
        ("none", "none", "none"),
        ("full", "none", "full"),
        ("none", "full", "full"),
        ("partial", "none", "partial"),
        ("partial", "full", "full"),
        (None, "none", None),
        ("none", None, None),
        (None, "partial", "partial"),
        ("full", None, "full"),
    ],
)
def test_tries_of_one_request_have_sent_what_the_most_of_them_has(earlier: Any, later: Any, most: Any) -> None:
    error = TransportError("it failed", sent=later)
    error.after(earlier)
    assert error.sent == most


def test_an_error_that_fails_at_saying_what_it_is_has_its_name() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("mute")

    assert text_of(Mute()) == "Mute"
    assert str(as_pynector_error(Mute())) == "unexpected error in the transport: Mute"
