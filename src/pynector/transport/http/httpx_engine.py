"""The engine that runs on httpx: any event loop, HTTP/2, proxies, custom auth flows, kept cookies."""

from __future__ import annotations

import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import anyio
import anyio.lowlevel

from ..._speedups.accumulator import NO_LIMIT, Accumulator
from ...errors import (
    ConfigurationError,
    ConnectionLost,
    Phase,
    PynectorError,
    ResponseTooLarge,
    Sent,
    TransportError,
    as_pynector_error,
)
from ..protocol import OriginCounts, RequestObserver
from ..tls import tls_context
from .answers import answer_of, next_hop, raw_limit
from .body import checked_pieces
from .decoding import too_large
from .headers import Pair
from .httpx_errors import translated
from .httpx_module import httpx
from .httpx_streaming import HttpxStream, deadline_after, within
from .options import LEAST, HTTPOptions
from .request import IDEMPOTENT, PreparedRequest, observed, prepare
from .response import RawResponse, Response
from .streaming import RawStream

# What of httpx's trace events moves a request on, and to where.
_STEPS: dict[str, tuple[Phase, Sent]] = {
    "start_tls.started": ("tls", "none"),
    "send_request_headers.started": ("write", "partial"),
    "send_request_body.complete": ("headers", "full"),
    "receive_response_headers.complete": ("body", "full"),
}
_CONNECTS = frozenset({"connect_tcp.started", "connect_unix_socket.started"})
_CONNECTED = frozenset({"connect_tcp.complete", "connect_unix_socket.complete"})

# Where a response's own header fields are kept.
_HEADERS = "pynector.headers"


class _Progress:
    """How far one request has come."""

    __slots__ = ("_stream", "_tell", "failure", "fresh", "phase", "sent", "upload")

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self.phase: Phase = "connect"
        self.sent: Sent = "none"
        self.fresh = False
        self._stream: Any = None
        self.failure: Exception | None = None
        self.upload: _Upload | None = None

    async def trace(self, event: str, info: Any) -> None:
        """Follow httpx's events, named like "http11.send_request_body.complete"."""
        step = event.partition(".")[2]
        if step in _CONNECTS:
            self.fresh = True
        elif step in _CONNECTED:
            self._stream = info["return_value"]
            self._tell()
        elif step in _STEPS:
            self.phase, self.sent = _STEPS[step]

    async def note_on(self, cancelled: Any) -> None:
        """Note on the exception of a cancelled request how far it had come."""
        cancelled.phase, cancelled.sent = self.phase, self.sent
        if self.phase == "tls":
            # httpcore forgets a connection whose handshake is cancelled.
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()


class HttpxEngine:
    """Sends over one httpx client.

    Args:
        options: The transport's options.
        tell: Told of connections: "open", host and port.
    """

    name = "httpx"

    def __init__(self, options: HTTPOptions, tell: Callable[[str, str, int], None]) -> None:
        self._options = options
        self._tell = tell
        self._under_way: Counter[tuple[str, str, int]] = Counter()
        self._proxied = options.proxy is not None or (options.trust_env and bool(urllib.request.getproxies()))
        self._client: Any = self._make_client()

    async def disconnect(self) -> None:
        """See Engine."""
        await self._client.aclose()

    def make_room(self, window: int) -> int:
        """See Engine."""
        return self._options.max_connections or LEAST

    async def exchange(self, data: Any, options: Mapping[str, Any]) -> bytes | Response:
        """See Engine."""
        started = time.perf_counter()
        settings = self._options.for_request(options)
        request = prepare(data, options, self._options)
        limit = raw_limit(settings)
        observer: RequestObserver | None = options.get("observer")
        hops = 0
        while True:
            try:
                raw = await self.send(request, limit, observer)
            except ResponseTooLarge:
                raise too_large(settings["max_response_bytes"], request.label) from None
            except TransportError as error:
                error.request = request.label
                raise
            following = next_hop(request, raw, settings, hops, self._options.redirect_headers)
            if following is None:
                return answer_of(request, raw, settings, time.perf_counter() - started)
            request = following
            hops += 1

    async def send(self, request: PreparedRequest, limit: int | None, observer: RequestObserver | None) -> RawResponse:
        """Send one request and give its response; the body may have at most `limit` bytes as it comes.

        Raises:
            TransportError: If the exchange failed.
        """
        progress = self._progress(request)
        try:
            return await self._send(request, limit, progress, observer)
        except ConnectionLost as error:
            # The server closed an idle connection while the request was on its way. That is nobody's fault, and what
            # is idempotent may be sent again: once, for the next connection could be as old.
            may_repeat = request.method in IDEMPOTENT and not request.has_stream
            if progress.fresh or progress.phase == "body" or not may_repeat:
                raise
            if observer is not None:
                observer.failed(error)
        return await self._send(request, limit, self._progress(request), observer)

    async def _send(
        self, request: PreparedRequest, limit: int | None, progress: _Progress, observer: RequestObserver | None
    ) -> RawResponse:
        with self._counted(request):
            async with _telling(progress):
                response = await self._start(request, progress, observer)
                try:
                    body = await _read(response, limit)
                finally:
                    await response.aclose()
        if observer is not None:
            observer.done()
        return RawResponse(response.status_code, _header_pairs(response), body, response.http_version)

    async def _start(self, request: PreparedRequest, progress: _Progress, observer: RequestObserver | None) -> Any:
        """Send a request and give httpx's response, its body not read."""
        message = self._message(observed(request, observer), progress)
        flow = _flow(request.auth)
        if observer is None:
            return await self._client.send(message, stream=True, auth=flow, follow_redirects=False)
        with observer.inside():
            response = await self._client.send(message, stream=True, auth=flow, follow_redirects=False)
        network = response.extensions.get("network_stream")
        observer.connected(None if network is None else network.get_extra_info("server_addr"))
        observer.head(response.status_code, response.http_version)
        return response

    def _progress(self, request: PreparedRequest) -> _Progress:
        return _Progress(lambda: self._tell("open", request.url.host, request.url.port))

    @contextmanager
    def _counted(self, request: PreparedRequest) -> Iterator[None]:
        origin = request.url.origin
        self._under_way[origin] += 1
        try:
            yield
        finally:
            self._under_way[origin] -= 1
            if not self._under_way[origin]:
                del self._under_way[origin]

    def origins(self) -> list[OriginCounts]:
        """See Engine."""
        return [OriginCounts(*origin, None, None, count, 0) for origin, count in list(self._under_way.items())]

    async def open(self, data: Any, options: Mapping[str, Any], timeout: float) -> RawStream:
        """See Engine."""
        settings = self._options.for_request(options)
        request = prepare(data, options, self._options)
        deadline = deadline_after(timeout)
        observer: RequestObserver | None = options.get("observer")
        hops = 0
        while True:
            progress = self._progress(request)
            try:
                with within(deadline, request.label, progress):
                    async with _telling(progress):
                        response = await self._start(request, progress, observer)
            except PynectorError as error:
                error.request = error.request or request.label
                raise
            stream = HttpxStream(request, response, _header_pairs(response), deadline, progress, translated)
            try:
                raw = RawResponse(stream.status, stream.headers, b"", stream.http_version)
                following = next_hop(request, raw, settings, hops, self._options.redirect_headers)
            except BaseException:
                await stream.aclose()
                raise
            if following is None:
                return stream
            await stream.drop()
            if observer is not None:
                observer.done()
            request = following
            hops += 1

    def _message(self, request: PreparedRequest, progress: _Progress) -> Any:
        extensions: dict[str, Any] = {"trace": progress.trace}
        if not self._proxied:
            # Or httpx would take out dot segments. To a proxy httpcore 1 would send this instead of its own target.
            extensions["target"] = request.url.target.encode("ascii")
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
        body = request.body
        if request.has_stream:
            body = progress.upload = _Upload(body, progress)
        message = httpx.Request(request.method, str(request.url), headers=headers, content=body, extensions=extensions)
        if progress.upload is not None:
            # httpx wraps it in a generator, and would leave that in the middle.
            message.stream = progress.upload
        # httpx writes it in capitals, but methods are case-sensitive (RFC 9110 section 9.1).
        message.method = request.method
        if self._options.persist_cookies:
            self._add_kept_cookies(message)
        return message

    def _add_kept_cookies(self, message: Any) -> None:
        """Add the cookies of the jar to those of the request, which go before them."""
        probe = httpx.Request(message.method, message.url)
        self._client.cookies.set_cookie_header(probe)
        kept = probe.headers.get("cookie", "").split("; ")
        own = message.headers.get("cookie", "").split("; ")
        names = {cookie.partition("=")[0] for cookie in own}
        cookies = [*own, *(cookie for cookie in kept if cookie.partition("=")[0] not in names)]
        if any(cookies):
            message.headers["cookie"] = "; ".join(filter(None, cookies))

    def _make_client(self) -> Any:
        options = self._options
        alpn = ("h2", "http/1.1") if options.http2 else ("http/1.1",)
        policy = None if options.persist_cookies else DefaultCookiePolicy(allowed_domains=[])
        arguments: dict[str, Any] = {
            "verify": tls_context(options.verify, options.cert, alpn),
            "http2": options.http2,
            "limits": httpx.Limits(
                max_connections=options.max_connections or LEAST,
                max_keepalive_connections=options.max_keepalive,
                keepalive_expiry=options.keepalive_expiry,
            ),
        }
        transport = None
        try:
            if options.uds is not None:
                transport = httpx.AsyncHTTPTransport(uds=options.uds, **arguments)
            return httpx.AsyncClient(
                **arguments,
                transport=transport,
                proxy=options.proxy,
                trust_env=options.trust_env,
                timeout=None,
                cookies=CookieJar(policy),
                event_hooks={"response": [_hide_redirect]},
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            # http2 or a SOCKS proxy without its package, or a wrong proxy in the environment.
            raise ConfigurationError(f"http2, proxy or a proxy variable cannot be used: {error}") from error


def _header_pairs(response: Any) -> list[Pair]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.extensions[_HEADERS]]


@asynccontextmanager
async def _telling(progress: _Progress) -> AsyncIterator[None]:
    """Tell what goes wrong inside as a PynectorError, and note how far it had come on what cancels it."""
    try:
        yield
    except PynectorError:
        raise
    except Exception as error:
        if progress.failure is not None:
            raise as_pynector_error(progress.failure) from progress.failure
        raise translated(error, progress) from error
    except BaseException as ended:
        try:
            if not isinstance(ended, anyio.get_cancelled_exc_class()):
                # On trio it may be a group of cancellations, which no caller takes for one.
                await anyio.lowlevel.checkpoint_if_cancelled()
            raise
        except BaseException as cancelled:
            await progress.note_on(cancelled)
            raise
    finally:
        if progress.upload is not None:
            await progress.upload.aclose()


class _Upload(httpx.AsyncByteStream):
    """A request's body from an async iterator.

    Args:
        body: Gives bytes.
        progress: Told what the iterator raises.
    """

    def __init__(self, body: Any, progress: _Progress) -> None:
        self._body = body
        self._progress = progress
        self._pieces = self._read()

    def __aiter__(self) -> Any:
        return self._pieces

    async def aclose(self) -> None:
        """Let go of the iterator."""
        await self._pieces.aclose()

    async def _read(self) -> Any:
        try:
            async with aclosing(checked_pieces(self._body)) as pieces:
                async for piece in pieces:
                    yield piece
        except Exception as error:
            self._progress.failure = error
            raise


async def _hide_redirect(response: Any) -> None:
    """Keep httpx from preparing a redirect that it is not to follow: it fails at a Location that is no URL."""
    response.extensions[_HEADERS] = response.headers.raw
    response.headers.pop("location", None)


async def _read(response: Any, limit: int | None) -> bytes:
    accumulator = Accumulator(NO_LIMIT if limit is None else limit)
    fits = True
    try:
        async for chunk in response.aiter_raw():
            if not accumulator.append(chunk):
                # To leave the loop would leave httpcore's generators in the middle, of which trio complains. When the
                # connection is closed they end by themselves.
                fits = False
                await response.aclose()
    except Exception:
        if fits:
            raise
    if not fits:
        raise too_large(limit or 0)
    return accumulator.finish()


class _AnyAuth(httpx.Auth):
    """An auth flow of either package, httpx or httpx2: each takes only its own class for one."""

    def __init__(self, auth: Any) -> None:
        self._auth = auth

    def async_auth_flow(self, request: Any) -> Any:
        """Give the requests of the flow."""
        return self._auth.async_auth_flow(request)


def _flow(auth: Any) -> Any:
    # A callable, because None would make httpx read the user's ~/.netrc.
    return (lambda request: request) if auth is None else _AnyAuth(auth)
