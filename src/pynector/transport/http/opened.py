"""What a transport's `stream` gives: a response while it comes, until its `async with` ends."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from ..contract import RequestObserver
from .engine import Engine
from .streaming import StreamedResponse


class Opened:
    """Gives a response while it comes, and ends its exchange.

    Args:
        engine: Opens it.
        data, options, timeout, observer: What it is called with.
    """

    __slots__ = ("_data", "_engine", "_observer", "_options", "_raw", "_response", "_timeout")

    def __init__(
        self,
        engine: Engine,
        data: Any,
        options: Mapping[str, Any],
        timeout: float,
        observer: RequestObserver | None,
    ) -> None:
        self._engine = engine
        self._data = data
        self._options = options
        self._timeout = timeout
        self._observer = observer
        self._raw: Any = None
        self._response: Any = None

    async def __aenter__(self) -> StreamedResponse:
        raw = self._raw = await self._engine.open(self._data, self._options, self._timeout, self._observer)
        response = self._response = StreamedResponse(raw)
        if response.status_code >= 400 and raw.settings["raise_for_status"]:
            try:
                await response.raise_for_status()
            except BaseException:
                await self.__aexit__()
                raise
        return response

    def __aexit__(self, *exc_info: object) -> Coroutine[Any, Any, None]:
        self._response.close()
        left: Coroutine[Any, Any, None] = self._raw.aclose()
        return left
