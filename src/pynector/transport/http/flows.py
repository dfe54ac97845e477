"""Auth flows: what one is given, and what it wants to be sent. They are made with httpx or httpx2."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol, TypeVar

from ...causes import text_of
from ...errors import Phase, PynectorError, Sent, TransportError
from ...groups import single
from .headers import Headers, header_pairs
from .native.encoder import WITH_BODY
from .request import PreparedRequest, check_framing, method_of
from .sources import checked_pieces, content_of, is_one_shot
from .urls import parse_url

PACKAGES = ("httpx2", "httpx")

# The body of an answer that a flow goes on from is read, so that its connection can be used again, rather than the
# connection closed: up to this size (bytes), and for so long (seconds).
WORTH_READING = 1 << 16
PATIENCE = 1.0

T = TypeVar("T")


class FlowAnswer(Protocol):
    """The answer to a request of a flow, whose body has not been read."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def headers(self) -> Headers:
        """Its header fields."""

    @property
    def http_version(self) -> str:
        """ "HTTP/1.1" or the like."""

    async def receive_kept(self) -> bytes:
        """Give the flow the next piece of the body, b"" at its end, and keep it.

        Raises:
            PynectorError: If the body is not whole.
        """

    async def drop(self) -> None:
        """Read the rest, which nobody wants, so that its connection can be used again; or close it. It never raises."""

    async def aclose(self) -> None:
        """Let go of it."""


Answer = TypeVar("Answer", bound=FlowAnswer)


async def through_flow(
    request: PreparedRequest,
    transmit: Callable[[PreparedRequest], Awaitable[Answer]],
    progress: Callable[[], tuple[Phase | None, Sent | None]],
) -> Answer:
    """Send what the auth flow of a request wants to be sent, and return the last answer.

    Args:
        request: The request.
        transmit: Sends one.
        progress: Says what is under way, and how much of the request has left, for an error of the flow's.

    Raises:
        PynectorError: If the flow fails, or what `transmit` raises.
    """
    flow = _Flow(request, progress)
    answer: Answer | None = None
    try:
        try:
            following = await flow.step(None)
            while following is not None:
                if answer is not None:
                    await answer.drop()
                answer = await transmit(following)
                following = await flow.step(answer)
        finally:
            await flow.aclose()
        if answer is None:
            raise TransportError("the auth flow sent nothing", phase="connect", sent="none")
        return answer
    except BaseException:
        if answer is not None:
            await answer.aclose()
        raise


def package_of(auth: Any) -> Any:
    """Return the package whose requests and responses an auth flow takes: that of its class, or of what that inherits.

    One that inherits from neither is given httpx2's where that is installed, else httpx's.
    """
    for kind in type(auth).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in PACKAGES:
            return import_module(name)
    with suppress(ImportError):
        return import_module(PACKAGES[0])
    return import_module(PACKAGES[1])


def fields_of(request: PreparedRequest) -> list[tuple[bytes, bytes]]:
    """Give the header fields of a request as they go on the wire."""
    pairs = list(request.headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", request.url.authority))
    if request.has_stream:
        if "content-length" not in names:
            pairs.append(("Transfer-Encoding", "chunked"))
    elif request.body or request.method in WITH_BODY:
        pairs.append(("Content-Length", str(request.size)))
    return _encoded(pairs)


class _Flow:
    """One run of a request's auth flow."""

    def __init__(self, request: PreparedRequest, progress: Callable[[], tuple[Phase | None, Sent | None]]) -> None:
        self._request = request
        self._progress = progress
        self._package = package_of(request.auth)
        self._body = _body_of(request.body) if isinstance(request.body, AsyncIterable) else None
        self._message: Any = None
        # The request's as httpx has it: it may differ in what need not be encoded.
        self._url: Any = None
        self._steps: Any = None

    async def step(self, answer: FlowAnswer | None) -> PreparedRequest | None:
        """Tell of the answer to what was sent last, and return what is to be sent next, or None for nothing more."""
        return await self._guarded(self._step(answer))

    async def aclose(self) -> None:
        """End it, where it has not ended."""
        if self._steps is not None:
            await self._guarded(self._steps.aclose())

    async def _step(self, answer: FlowAnswer | None) -> PreparedRequest | None:
        if self._steps is None:
            self._message = self._first_message()
            self._url = self._message.url
            self._steps = self._request.auth.async_auth_flow(self._message)
        try:
            self._message = await self._steps.asend(None if answer is None else self._response(answer))
        except StopAsyncIteration:
            return None
        return self._to_send(self._message)

    async def _guarded(self, work: Awaitable[T]) -> T:
        """Do a part of the flow's work, which may raise anything."""
        try:
            return await work
        except PynectorError:
            raise
        except Exception as error:
            problem = self._failed(single(error))
        # Outside of the except clause, or a group of errors would be its context.
        try:
            raise problem
        finally:
            # It keeps this frame.
            del problem

    def _failed(self, error: BaseException) -> TransportError:
        name, text = type(error).__name__, text_of(error)
        said = f"the auth flow failed: {name if text == name else f'{name}: {text}'}"
        phase, sent = self._progress()
        problem = TransportError(said, phase=phase, sent=sent, came_of="library")
        problem.__cause__ = error
        return problem

    def _first_message(self) -> Any:
        request = self._request
        given: dict[str, Any] = {"content": request.body} if self._body is None else {"stream": self._body}
        message = self._package.Request(request.method, str(request.url), headers=fields_of(request), **given)
        # Its case matters (RFC 9110 section 9.1).
        message.method = request.method
        return message

    def _response(self, answer: FlowAnswer) -> Any:
        return self._package.Response(
            answer.status,
            headers=_encoded(answer.headers.pairs()),
            stream=_stream_class(self._package)(answer.receive_kept),
            request=self._message,
            extensions={"http_version": answer.http_version.encode("ascii", "replace")},
        )

    def _to_send(self, message: Any) -> PreparedRequest | None:
        body = self._content(message)
        if isinstance(body, _Once) and body.begun:
            # What cannot be sent again is answered by what there is.
            return None
        url = self._request.url
        if message.url != self._url:
            url = parse_url(str(message.url), "the auth flow's url")._replace(userinfo=None)
        raw = [pair for pair in message.headers.raw if pair[0].lower() != b"transfer-encoding"]
        fields = [(name, value or "") for name, value in header_pairs(raw, "the auth flow's headers")]
        return PreparedRequest(method_of(message.method, body), url, check_framing(fields, body), body)

    def _content(self, message: Any) -> bytes | AsyncIterable[bytes] | None:
        try:
            return message.content or None
        except RuntimeError:
            # It has not been read.
            stream = message.stream
        return self._body if stream is self._body else content_of(stream, "the auth flow's content")


class _Body(AsyncIterable[bytes]):
    """The body of a request, which is read while it is sent, or by the flow.

    Args:
        body: The caller's.

    Attributes:
        begun: Whether somebody has begun to read it.
    """

    def __init__(self, body: AsyncIterable[bytes]) -> None:
        self._body = body
        self.begun = False

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        self.begun = True
        return checked_pieces(self._body)


class _Once(_Body):
    """One that can be read only once."""

    async def __anext__(self) -> bytes:
        return await anext(aiter(self._body))


def _body_of(body: AsyncIterable[bytes]) -> _Body:
    return _Once(body) if is_one_shot(body) else _Body(body)


def _encoded(pairs: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


@lru_cache(maxsize=2)
def _stream_class(package: Any) -> Any:
    """Return a package's kind of stream, over what gives the pieces of a body."""

    class Stream(package.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, receive: Callable[[], Awaitable[bytes]]) -> None:
            self._receive = receive

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while piece := await self._receive():
                yield piece

    return Stream
