"""What `client.stream` and `client.subscribe` return, which is used wrongly without `async with`."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

from .errors import PynectorError


class Unopened(PynectorError, AttributeError):
    """What has to be entered by `async with` was used without."""


class ToEnter:
    """An asynchronous context manager, which says so where it is taken for something else.

    Attributes:
        call: The call that it comes of, for the message.
    """

    __slots__ = ("__weakref__",)

    call = ""

    def __getattr__(self, name: str) -> NoReturn:
        raise self._misused()

    def __await__(self) -> NoReturn:
        raise self._misused()

    def __aiter__(self) -> NoReturn:
        raise self._misused()

    def __iter__(self) -> NoReturn:
        raise self._misused()

    def __enter__(self) -> NoReturn:
        raise self._misused()

    def __exit__(self, *exc_info: object) -> None:
        """Exist only for `__enter__` to be called."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"what {self.call}(...) returns can be neither copied nor pickled")

    def _misused(self) -> Unopened:
        return Unopened(f"`async with` is missing: async with {self.call}(...) as it: ...")


class Opening(ToEnter):
    """One that enters another.

    Args:
        manager: What it enters.
        call: The call that it comes of.
    """

    __slots__ = ("_manager", "call")

    def __init__(self, manager: AbstractAsyncContextManager[Any], call: str) -> None:
        self.call = call
        self._manager = manager

    def __aenter__(self) -> Coroutine[Any, Any, Any]:
        return self._manager.__aenter__()

    def __aexit__(self, kind: Any, error: Any, trace: Any) -> Coroutine[Any, Any, bool | None]:
        return self._manager.__aexit__(kind, error, trace)
