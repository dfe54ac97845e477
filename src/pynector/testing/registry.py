"""What an endpoint is, how one is registered, and how it reads its parameters."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from .http2.exchange import Act
from .request import Request
from .response import NoAnswer, Response, Stream
from .state import ServerState

Answer = Response | Stream | NoAnswer | Act
Handler = Callable[[Request, ServerState], Answer]

_NUMBER = r"(\d+\.?\d*|\.\d+)"
_SECONDS = re.compile(rf"{_NUMBER}(?:-{_NUMBER})?", re.ASCII)
_INTEGER = re.compile(r"\d{1,15}", re.ASCII)
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class BadParameterError(ValueError):
    """A path segment or query parameter that the endpoint cannot use."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint: how its path is written, what it answers, and the function that does it.

    Attributes:
        usage: Its path, with what has to be put in.
        summary: What it answers, in a line.
        handler: Makes the answer.
        early: Whether it is asked as soon as the head of a request has come, over HTTP/2.
    """

    usage: str
    summary: str
    handler: Handler
    early: bool = False

    @property
    def needs_argument(self) -> bool:
        """Whether the path has to go on after the name of the endpoint."""
        return "/" in self.usage[1:]


class Endpoints(dict[str, Endpoint]):
    """Endpoints by the first segment of their path."""

    def add(self, usage: str, summary: str, *, early: bool = False) -> Callable[[Handler], Handler]:
        """Return a decorator that registers a function as the handler of an endpoint."""

        def register(handler: Handler) -> Handler:
            self[usage.split("/")[1]] = Endpoint(usage, summary, handler, early)
            return handler

        return register


def is_integer(text: str) -> bool:
    """Whether a parameter is a whole number that `integer` takes."""
    return _INTEGER.fullmatch(text) is not None


def integer(text: str, low: int = 0, high: int = 10**15) -> int:
    """Read a whole number; BadParameterError if it is none from `low` to `high`."""
    if not is_integer(text) or not low <= int(text) <= high:
        raise BadParameterError(f"expected an integer from {low} to {high}, got {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """Read seconds, or choose some by chance where a range is given."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise BadParameterError(f"expected seconds as in 0.5 or 0.1-0.9, got {text!r}")
    low = float(match[1])
    return low if match[2] is None else random.uniform(low, float(match[2]))


def field(name: str, value: str) -> tuple[str, str]:
    """Return a header field as it is given; BadParameterError if it is none."""
    if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
        raise BadParameterError(f"not a header field: {name!r}: {value!r}")
    return name, value
