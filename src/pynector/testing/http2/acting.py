"""How what misbehaves over HTTP/2 is registered, and what all of it has in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ..registry import Answer, BadParameterError, Endpoints, Handler, integer, seconds
from ..request import Request
from ..response import Response
from ..state import ServerState
from .exchange import Act, Exchange, Steps
from .frames import ERROR_CODES

COMMON = frozenset({"times", "key", "delay", "early"})
"""The parameters that all of them have."""

Play = Callable[[Exchange], Steps | None]


class Faults(Endpoints):
    """Endpoints that take HTTP/2, by the first segment of their path."""

    def act(self, usage: str, summary: str, *, early: bool = False) -> Callable[[Play], Handler]:
        """Return a decorator that registers what is done to a stream as an endpoint.

        With `times=N` the first N requests with the same path and `key` get what they ask for, and later ones the
        number of the attempt; `delay=S` waits before.
        """

        def register(play: Play) -> Handler:
            return self.add(usage, summary, early=early)(lambda request, state: _answer(play, request, state))

        return register


def _answer(play: Play, request: Request, state: ServerState) -> Answer:
    if request.http_version != "HTTP/2":
        return Response(421, b"this takes HTTP/2")
    times = integer(request.parameter("times", "0"))
    if times:
        key = f"{request.path} {request.parameter('key', '')}"
        state.attempts[key] += 1
        if state.attempts[key] > times:
            return Response(body=str(state.attempts[key]).encode())
    return Act(play, seconds(request.parameter("delay", "0")))


# Reading parameters


def number(exchange: Exchange, name: str, default: int, low: int = 0, high: int = 10**9) -> int:
    """Return a parameter that is a whole number."""
    return integer(exchange.request.parameter(name, str(default)), low, high)


def wait(exchange: Exchange, name: str, default: str = "0") -> float:
    """Return a parameter that is seconds."""
    return seconds(exchange.request.parameter(name, default))


def choice(exchange: Exchange, name: str, choices: tuple[str, ...]) -> str:
    """Return a parameter that is one of some words, the first one where it is missing."""
    return _one_of(exchange.request.parameter(name, choices[0]), choices)


def error_code(exchange: Exchange, default: str) -> int:
    """Return the parameter `code`: the name of an error code of HTTP/2, or its number."""
    return named(exchange.request.parameter("code", default), ERROR_CODES, 2**32 - 1)


def named(text: str, names: Mapping[str, int], high: int) -> int:
    """Return the number that has a name, or that is given as such."""
    return integer(text, 0, high) if text.isdigit() else names[_one_of(text, names)]


def _one_of(text: str, choices: Collection[str]) -> str:
    if text not in choices:
        raise BadParameterError(f"expected one of {', '.join(choices)}, got {text!r}")
    return text


def hexadecimal(text: str) -> bytes:
    """Return the bytes that a parameter spells."""
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise BadParameterError(f"expected hexadecimal digits, got {text!r}") from error


def given_fields(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    """Return the query as header fields, as it is, but for the parameters that are common."""
    pairs = [pair for pair in exchange.request.query if pair[0] not in COMMON]
    return [(_encoded(name), _encoded(value)) for name, value in pairs]


def _encoded(text: str) -> bytes:
    return text.encode("latin-1", "replace")
