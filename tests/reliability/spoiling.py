"""A caller that goes on with his objects as soon as a transport has taken a request: what he gave is no request now."""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from pynector._speedups.frozen import frozen
from pynector.dispatch import rules
from pynector.transport.http import HTTPTransport
from pynector.transport.websocket import WebSocketTransport

Take = Callable[[Any, Mapping[str, Any]], object]
"""Told of what a transport has been given, once it has taken it: data and options."""


def spoil(thing: Any) -> None:
    """Change an object, and all that is in it, so that it cannot be sent, nor read as a request."""
    if isinstance(thing, dict):
        for name in list(dict.keys(thing)):
            spoil(dict.__getitem__(thing, name))
            dict.__setitem__(thing, name, object())
        dict.__setitem__(thing, "spoilt", object())
    elif isinstance(thing, list):
        for one in thing:
            spoil(one)
        thing.append(object())


def spoil_given(data: Any, options: Mapping[str, Any]) -> None:
    """Spoil what a request was made of, but for the dict of its options, which may not be the caller's."""
    spoil(data)
    for value in dict.values(options) if isinstance(options, dict) else options.values():
        spoil(value)


@contextmanager
def telling(take: Take) -> Iterator[None]:
    """Tell of the requests of every HTTP and WebSocket transport that is connected inside.

    What may be sent again is copied before a transport has it: then it is the original that is told of.
    """
    copies: list[tuple[Any, Any]] = []

    def copied(value: Any) -> Any:
        copy = frozen(value)
        copies.append((copy, value))
        return copy

    def take_original(data: Any, options: Mapping[str, Any]) -> None:
        originals = [original for copy, original in copies if copy is data]
        if originals:
            take(originals[0], {})
        else:
            take(data, options)

    with (
        patch.object(rules, "frozen", copied),
        _telling(HTTPTransport, take_original),
        _telling(WebSocketTransport, take_original),
    ):
        yield


def _telling(kind: Any, take: Take) -> Any:
    connect = kind.connect

    async def connect_telling(transport: Any) -> None:
        before = transport.submit, getattr(transport, "_engine", None)
        await connect(transport)
        submit, engine = transport.submit, getattr(transport, "_engine", None)
        made = [(transport, "submit")] if submit not in (None, before[0]) else []
        made += [(transport, "snapshot"), (engine, "exchange"), (engine, "open")] if engine is not before[1] else []
        for owner, name in made:
            setattr(owner, name, _Taking(getattr(owner, name), take))

    return patch.object(kind, "connect", connect_telling)


class _Taking:
    """Stands before a function or a coroutine function that takes data and options."""

    def __init__(self, call: Callable[..., Any], take: Take) -> None:
        self._call = call
        self._take = take

    def __call__(self, data: Any, options: Any, *more: Any, **named: Any) -> Any:
        made = self._call(data, options, *more, **named)
        if isinstance(made, Coroutine):
            return _told_when_it_waits(made, lambda: self._take(data, options))
        self._take(data, options)
        return made


@types.coroutine
def _told_when_it_waits(work: Coroutine[Any, Any, Any], tell: Callable[[], object]) -> Generator[Any, Any, Any]:
    """Run a coroutine, and tell when it waits for the first time."""
    step = partial(work.send, None)
    told = False
    while True:
        try:
            waits = step()
        except StopIteration as end:
            return end.value
        if not told:
            told = True
            tell()
        try:
            step = partial(work.send, (yield waits))
        except BaseException as error:
            step = partial(work.throw, error)
