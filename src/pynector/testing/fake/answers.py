"""What is answered instead of by a server."""

from __future__ import annotations

import copy
import json as json_module
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from ...config import seconds
from ...errors import (
    ConfigurationError,
    ConnectError,
    HTTPStatusError,
    Phase,
    PynectorError,
    Sent,
    TimeoutError,
    TransportError,
)
from ...transport.http.headers import Pair, header_pairs
from .asked import Asked

Failure = TransportError | TimeoutError
"""What an exchange may end with instead of an answer."""

Answering: TypeAlias = "Answer | Failure | dict[str, Any] | list[Any] | str | bytes | int"
"""What an answer may be given as: an Answer, an error, a value to send as JSON, text, bytes or a status."""

Answerer: TypeAlias = "Callable[[Asked], Answering | Awaitable[Answering]]"
"""Answers each request by itself."""

_NOT_GIVEN: Any = object()
_BODILESS = frozenset({204, 304})
_CONNECTING: frozenset[Phase] = frozenset({"queue", "connect", "tls"})


class Answer:
    """A response.

    Args:
        status: The status, 200 to 999.
        json: A value to send as JSON.
        text: A body to send as UTF-8.
        content: A body as it is sent: bytes, or a list of the pieces that it comes in.
        headers: Header fields: a dict, or pairs. Content-Type and Content-Length are added where they are missing.
        latency: Seconds until the head comes.
        failure: How the body ends after what there is of it: a TransportError or a TimeoutError. None: well.

    Raises:
        ConfigurationError: If one of them is not valid.
    """

    def __init__(
        self,
        status: int = 200,
        *,
        json: Any = _NOT_GIVEN,
        text: str | None = None,
        content: bytes | Sequence[bytes] | None = None,
        headers: Any = None,
        latency: float = 0.0,
        failure: Failure | None = None,
    ) -> None:
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 999:
            raise ConfigurationError(f"status must be a number from 200 to 999, not {status!r}")
        if (json is not _NOT_GIVEN) + (text is not None) + (content is not None) > 1:
            raise ConfigurationError("an answer has one body: json, text or content")
        self.status = status
        self.latency = seconds(latency, "latency")
        self.failure = None if failure is None else checked_failure(failure)
        body, kind = content if content is not None else b"", None
        if json is not _NOT_GIVEN:
            body, kind = _as_json(json), "application/json"
        elif text is not None:
            body, kind = text.encode(), "text/plain; charset=utf-8"
        self.pieces = _pieces_of(body)
        self.headers = _completed(header_pairs(headers, "headers"), kind, self)

    def __repr__(self) -> str:
        return f"<Answer {self.status}, {len(self.content)} bytes>"

    @property
    def content(self) -> bytes:
        """The whole body, as it is sent."""
        return b"".join(self.pieces)


def answer_from(given: Any) -> Answer | Failure:
    """Make an answer of what it is given as; see `Answering`.

    Raises:
        ConfigurationError: If it can be none.
    """
    if isinstance(given, Answer):
        return given
    if isinstance(given, BaseException):
        return checked_failure(given)
    if isinstance(given, (dict, list)):
        return Answer(json=given)
    if isinstance(given, str):
        return Answer(text=given)
    if isinstance(given, (bytes, bytearray, memoryview)):
        return Answer(content=bytes(given))
    if isinstance(given, int):
        return Answer(given)
    raise ConfigurationError(
        "an answer must be an Answer, a TransportError or TimeoutError, a dict or list (JSON), str, bytes, "
        f"or a status, not {type(given).__name__}"
    )


def checked_failure(failure: Any) -> Failure:
    """Accept what an exchange may end with.

    Raises:
        ConfigurationError: If it is nothing that one ends with by itself.
    """
    if isinstance(failure, HTTPStatusError):
        raise ConfigurationError(f"give the status, {failure.status_code}, instead of an HTTPStatusError")
    if not isinstance(failure, (TransportError, TimeoutError)):
        raise ConfigurationError(f"a failure must be a TransportError or a TimeoutError, not {failure!r}")
    return failure


def failure_to_raise(failure: Failure, phase: Phase) -> Failure:
    """Return a failure as it is raised: one of its own each time, which says how far the request had come.

    Args:
        failure: The user's. What it says itself holds.
        phase: What is under way where it says nothing else; of a ConnectError, it is "connect".
    """
    error = copy.copy(failure)
    reached: Phase = error.phase or ("connect" if isinstance(error, ConnectError) else phase)
    error.phase = reached
    if error.sent is None:
        error.sent = _sent_by(reached)
    return error


def _sent_by(phase: Phase) -> Sent:
    return "none" if phase in _CONNECTING else "partial" if phase == "write" else "full"


def _as_json(value: Any) -> bytes:
    try:
        return json_module.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"json cannot be sent as JSON: {error}") from error


def _pieces_of(content: Any) -> list[bytes]:
    pieces = [content] if isinstance(content, (bytes, bytearray, memoryview)) else content
    if not isinstance(pieces, Iterable) or isinstance(pieces, str):
        raise ConfigurationError(f"content must be bytes or a list of them, not {type(content).__name__}")
    found = list(pieces)
    if not all(isinstance(piece, (bytes, bytearray, memoryview)) for piece in found):
        raise ConfigurationError("content must be bytes or a list of them")
    return [bytes(piece) for piece in found if len(piece)]


def _completed(given: list[tuple[str, str | None]], kind: str | None, answer: Answer) -> list[Pair]:
    pairs = [(name, value) for name, value in given if value is not None]
    names = {name.lower() for name, _ in given}
    if kind is not None and "content-type" not in names:
        pairs.append(("Content-Type", kind))
    # Of a body that breaks off nobody knows how long it would have become.
    has_length = answer.failure is None and answer.status not in _BODILESS
    if has_length and names.isdisjoint({"content-length", "transfer-encoding"}):
        pairs.append(("Content-Length", str(sum(map(len, answer.pieces)))))
    return pairs


def is_bodiless(method: str, status: int) -> bool:
    """Say whether an answer has no body, whatever it says (RFC 9110 section 6.4.1)."""
    return method == "HEAD" or status in _BODILESS


class NoAnswer(PynectorError):
    """Nothing is there to answer a request with, in a test; it is not sent again."""
