"""Responses of httpx and its like that read a body without coding in one step."""

from __future__ import annotations

from contextlib import suppress
from typing import Any


class QuickResponse:
    """Reads its body past the three generators that decode and cut it; a class of each package is made of it.

    It does for a body without a Content-Encoding what the package's own does, and is one of these when it is read.

    Attributes:
        package_class: The package's class of responses.
        request_error: What the package raises, which is told of its request.
    """

    package_class: type
    request_error: type[Exception]

    # The package's.
    is_closed: bool
    is_stream_consumed: bool
    stream: Any
    request: Any
    aclose: Any

    async def aread(self) -> bytes:
        """Read the body, and return it."""
        if self.is_stream_consumed or self.is_closed:
            # The package knows what is wrong with that.
            self.__class__ = self.package_class
            return await self.aread()
        self.is_stream_consumed = True
        pieces: list[bytes] = []
        try:
            async for piece in self.stream:
                pieces.append(piece)
        except self.request_error as error:
            with suppress(RuntimeError):
                # There is none where nobody has said it.
                error.request = self.request  # type: ignore[attr-defined]
            raise
        finally:
            self.__class__ = self.package_class
            await self.aclose()
        self._content = b"".join(pieces)
        self._num_bytes_downloaded = len(self._content)
        return self._content


def quick_or_plain(quick: type[QuickResponse]) -> type:
    """Return what makes responses: the package's own class, where that does not keep a body as it did."""
    plain = quick.package_class
    kept = vars(plain(200, content=b"x"))
    return quick if kept.get("_content") == b"x" and "_num_bytes_downloaded" in kept else plain
