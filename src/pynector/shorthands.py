"""Shorter ways to say the usual requests of HTTP."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from .answer import Answer
from .errors import ConfigurationError
from .eventstream import EventStream

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Never, Unpack

    from .options import HTTPMethodOptions
    from .transport.http import Response

# What says where a request goes and how, which the names and the first argument of these methods do.
_SAID = frozenset({"method", "path", "url"})


class Shorthands(ABC, Generic[Answer]):
    """What can be said by `request` and `stream`, too."""

    @abstractmethod
    async def request(self, data: Any, timeout: float | None = None, **options: Any) -> Any:
        """See Pynector."""

    @abstractmethod
    def stream(self, data: Any, timeout: float | None = None, **options: Any) -> AbstractAsyncContextManager[Any]:
        """See Pynector."""

    @abstractmethod
    def _limit(self, timeout: float | None) -> float:
        """Return the seconds that are meant by a timeout."""

    @overload
    async def get(self: Shorthands[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any: ...

    @overload
    async def get(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response: ...

    @overload
    async def get(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes: ...

    @overload
    async def get(
        self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]
    ) -> Answer: ...

    async def get(self, path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """Send a GET request; see `request`.

        Args:
            path_or_url: A path below `base_url`, or an absolute URL.
            timeout: Seconds the whole exchange may take, more than 0, math.inf for no end; None: the client's.
            **options: As for `request`, such as `params`, `headers` or `as_response`.

        Returns:
            What `request` returns: for HTTP the body as `bytes`, or a `Response` with `as_response=True`.

        Raises:
            PynectorError: As `request`.
        """
        data, options = said("GET", path_or_url, options)
        return await self.request(data, timeout, **options)

    @overload
    async def post(self: Shorthands[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any: ...

    @overload
    async def post(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response: ...

    @overload
    async def post(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes: ...

    @overload
    async def post(
        self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]
    ) -> Answer: ...

    async def post(self, path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """Send a POST request, with a body by `json`, `data`, `content` or `files`; see `get`."""
        data, options = said("POST", path_or_url, options)
        return await self.request(data, timeout, **options)

    @overload
    async def put(self: Shorthands[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any: ...

    @overload
    async def put(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response: ...

    @overload
    async def put(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes: ...

    @overload
    async def put(
        self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]
    ) -> Answer: ...

    async def put(self, path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """Send a PUT request, with a body by `json`, `data`, `content` or `files`; see `get`."""
        data, options = said("PUT", path_or_url, options)
        return await self.request(data, timeout, **options)

    @overload
    async def patch(self: Shorthands[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any: ...

    @overload
    async def patch(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response: ...

    @overload
    async def patch(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes: ...

    @overload
    async def patch(
        self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]
    ) -> Answer: ...

    async def patch(self, path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """Send a PATCH request, with a body by `json`, `data`, `content` or `files`; see `get`."""
        data, options = said("PATCH", path_or_url, options)
        return await self.request(data, timeout, **options)

    @overload
    async def delete(
        self: Shorthands[Never], path_or_url: str, timeout: float | None = None, **options: Any
    ) -> Any: ...

    @overload
    async def delete(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response: ...

    @overload
    async def delete(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes: ...

    @overload
    async def delete(
        self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]
    ) -> Answer: ...

    async def delete(self, path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """Send a DELETE request; see `get`."""
        data, options = said("DELETE", path_or_url, options)
        return await self.request(data, timeout, **options)

    @overload
    async def head(self: Shorthands[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any: ...

    @overload
    async def head(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response: ...

    @overload
    async def head(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes: ...

    @overload
    async def head(
        self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]
    ) -> Answer: ...

    async def head(self, path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """Send a HEAD request, whose answer has header fields alone: `as_response=True` gives them; see `get`."""
        data, options = said("HEAD", path_or_url, options)
        return await self.request(data, timeout, **options)

    async def download(
        self,
        request: Any,
        path: str | os.PathLike[str],
        timeout: float | None = None,
        *,
        resume: bool = True,
        progress: Callable[[int, int | None], object] | None = None,
        **options: Any,
    ) -> Path:
        """Put the answer to a GET request into a file.

        The file is there when it is whole: until then it is `path` with ".part" at its end, and one with
        ".part.json" beside it says what it is the beginning of.

        Args:
            request: A path below `base_url` or an absolute URL, or what `request` takes.
            path: Where to put the file; one that is there is replaced.
            timeout: Seconds each answer may let wait for its head, and then for each piece of its body, more than 0;
                None: the client's.
            resume: Whether to go on where an earlier call, or a connection that broke, has come to, which servers do
                that say what the file is by ETag or Last-Modified (RFC 9110 section 14). It asks again while each time
                something comes, and three times where nothing does.
            progress: A plain function that is told how many bytes there are, and of how many, or None where that is
                not known; after each mebibyte and at the end.
            **options: As for `request`.

        Returns:
            The path of the file.

        Raises:
            TransportError: If the exchange failed, as an HTTPStatusError if the status is 400 or above.
            TimeoutError: If nothing came in time.
            ConfigurationError: If an argument is not valid.
            OSError: If the file cannot be written.
        """
        from .downloads import Download

        return await Download(self.stream, *asked(request, options), path, self._limit(timeout), resume, progress).run()

    def events(
        self,
        request: Any,
        timeout: float | None = None,
        *,
        reconnect: bool = True,
        idle_timeout: float | None = None,
        last_event_id: str = "",
        **options: Any,
    ) -> EventStream:
        """Receive server-sent events (https://html.spec.whatwg.org, server-sent events).

        It is an asynchronous context manager: `async with client.events("/news") as events:` and then
        `async for event in events:`.

        Args:
            request: A path below `base_url` or an absolute URL, or what `request` takes.
            timeout: Seconds the server may take to begin its answer, more than 0; None: the client's. The events have
                no end.
            reconnect: Whether to ask again, with Last-Event-ID, when the answer has ended or its connection is lost,
                after the time that the server has named, else 3 s, and longer as long as that fails. Only what is
                idempotent is asked again: a POST is not. A status of 204 is the end.
            idle_timeout: Seconds without a byte, more than 0, after which the connection counts as lost; None: any.
            last_event_id: The id of the last event that is known already.
            **options: As for `request`.

        Returns:
            An `EventStream`, each item of which is a `ServerSentEvent`.

        Raises:
            ProtocolError: If the answer is none of events.
            PynectorError: As `stream`; later on what cannot pass, or is not to be asked again.
        """
        limit = self._limit(timeout)
        return EventStream(self.stream, *asked(request, options), limit, reconnect, idle_timeout, last_event_id)


def said(method: str, path_or_url: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what `request` takes for a method and a place: its data and its options.

    Raises:
        ConfigurationError: If it is said twice, or the place is no text.
    """
    for name in _SAID & options.keys():
        raise ConfigurationError(f"{name} is said already: {method.lower()}(path_or_url), or request({name}=...)")
    if not isinstance(path_or_url, str):
        raise ConfigurationError(f"path_or_url must be str, not {type(path_or_url).__name__}")
    options["method"] = method
    return asked(path_or_url, options)


def place(path_or_url: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with a path or a URL."""
    options["url" if path_or_url[:8].lower().startswith(("http://", "https://")) else "path"] = path_or_url
    return options


def asked(request: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what `request` and `stream` take for a request that may be just a path or a URL: data and options."""
    if not isinstance(request, str):
        return request, options
    place(request, options)
    if "data" not in options:
        return None, options
    # A form, whose name is that of a parameter of these; with it goes all that makes a body.
    from .transport.http.request import BODIES, HTTPRequest

    return HTTPRequest(**{name: options.pop(name) for name in BODIES & options.keys()}), options
