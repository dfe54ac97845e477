"""What `client.stream` and `client.subscribe` return, which is used wrongly without `async with`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, NoReturn

from .errors import PynectorError


class Unopened(PynectorError, AttributeError):
    """What has to be entered by `async with` was used without."""


class ToEnter(AbstractAsyncContextManager[Any]):
    """An asynchronous context manager, which says so where it is taken for something else.

    Attributes:
        call: The call that it comes of, for the message.
    """

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

    def _misused(self) -> Unopened:
        return Unopened(f"`async with` is missing: async with {self.call}(...) as it: ...")


class Opening(ToEnter):
    """One that enters another.

    Args:
        manager: What it enters.
        call: The call that it comes of.
    """

    def __init__(self, manager: AbstractAsyncContextManager[Any], call: str) -> None:
        self.call = call
        self._manager = manager

    async def __aenter__(self) -> Any:
        return await self._manager.__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        return await self._manager.__aexit__(exc_type, exc_val, exc_tb)
