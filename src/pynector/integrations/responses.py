"""Responses of httpx and its like that read a body without coding in one step."""

from __future__ import annotations

from contextlib import suppress
from types import ModuleType
from typing import Any


class _Quick:
    """What a response reads past the generators that bind, decode and cut a body.

    It does for a body of a transport's own, without a Content-Encoding, what the package's does, and is one of these
    from then on. Whatever else there is to be read the package reads.

    Attributes:
        package_class: The package's class of responses.
        body_class: The transport's bodies.
        bound_class: What the package's client puts around them; None where it is not known.
        request_error: What the package raises, which is told of its request.
    """

    package_class: type
    body_class: type
    bound_class: type | None
    request_error: type[Exception]

    # The package's.
    is_closed: bool
    is_stream_consumed: bool
    status_code: int
    stream: Any

    @property
    def has_redirect_location(self) -> bool:
        """Whether it leads on."""
        # Most do not, which the package looks up in a table of names.
        found: bool = 300 <= self.status_code < 400 and self.package_class.has_redirect_location.fget(self)  # type: ignore[attr-defined]
        return found

    def _untouched(self) -> Any:
        """Return the transport's body, if that is what is to be read; else None."""
        stream = self.stream
        if type(stream) is self.bound_class:
            stream = getattr(stream, "_stream", None)
        return None if self.is_stream_consumed or self.is_closed or type(stream) is not self.body_class else stream


class QuickResponse(_Quick):
    """Of an asynchronous client; a class of each package is made of it."""

    async def aread(self) -> bytes:
        """Read the body, and return it."""
        body, request_error = self._untouched(), self.request_error
        self.__class__ = self.package_class
        if body is None:
            return await self.aread()
        self.is_stream_consumed = True
        content: bytes | None = body.rest()
        if content is not None:
            # Nothing can fail any more.
            self.is_closed = True
            await self.stream.aclose()
            return _kept(self, content)
        try:
            content = b"".join([piece async for piece in body])
        except request_error as error:
            _tell(error, self)
            raise
        finally:
            await self.aclose()  # type: ignore[attr-defined]
        return _kept(self, content)


class QuickSyncResponse(_Quick):
    """Of a synchronous client; see QuickResponse."""

    def read(self) -> bytes:
        """Read the body, and return it."""
        body, request_error = self._untouched(), self.request_error
        self.__class__ = self.package_class
        if body is None:
            return self.read()
        self.is_stream_consumed = True
        content: bytes | None = body.rest()
        if content is not None:
            self.is_closed = True
            self.stream.close()
            return _kept(self, content)
        try:
            content = b"".join(body)
        except request_error as error:
            _tell(error, self)
            raise
        finally:
            self.close()  # type: ignore[attr-defined]
        return _kept(self, content)


def _tell(error: Any, response: Any) -> None:
    # There is no request where nobody has said it.
    with suppress(RuntimeError):
        error.request = response.request


def _kept(response: Any, content: bytes) -> bytes:
    response._content = content
    response._num_bytes_downloaded = len(content)
    return content


def quick_or_plain(quick: type[_Quick]) -> type:
    """Return what makes responses: the package's own class, where that does not keep a body as it did."""
    plain = quick.package_class
    kept = vars(plain(200, content=b"x"))
    return quick if kept.get("_content") == b"x" and "_num_bytes_downloaded" in kept else plain


def bound_class(package: ModuleType, name: str) -> type | None:
    """Return what a package's client puts around a body, a class that is not public; None where there is none."""
    found: type | None = getattr(getattr(package, "_client", None), name, None)
    return found
