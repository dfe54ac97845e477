"""The sockets below httpcore: they are never left open, and while a request is written they are read ahead.

httpcore reads no answer before it has written the whole request, unless writing fails. So where the answer is there
before that, writing is made to fail.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import anyio

from ....causes import tls_error_in
from ....errors import ConfigurationError, ConnectError, PynectorError
from ....eventloop import ClientContext, Runtime
from ...net.detours import NO_DETOURS, Detours, Endpoint
from ...net.guard import check_endpoint
from ...net.hosts import server_name
from ...net.names import TO_PROXY, no_connection
from ...net.sockets import SocketOption, set_options_of
from ...net.tls import tls_problem
from .early import MOST_AHEAD, EarlyAnswer
from .module import Package

Result = TypeVar("Result")

READ_AT_ONCE = 1 << 16

# A server closes a kept connection at the time it named; a request must not cross that on the way (seconds).
MARGIN = 1.0


class NotConnected(Exception):
    """A connection could not be made, for a reason that httpcore has no word for.

    It is no PynectorError itself, for httpcore takes the cause from what comes through it.

    Args:
        problem: What is to be told.
        cause: Its cause.
    """

    def __init__(self, problem: PynectorError, cause: BaseException | None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.problem.__cause__ = cause


class Writing:
    """A request that is being written, and the answer that is waited for meanwhile.

    Args:
        method: The request's method.
        package: Whose writing it is.

    Attributes:
        begun: Whether its first bytes are the next that this task writes.
        answered: Whether nothing more of it needs to be sent: its answer is there, or none can come any more.
        early: The kind of Answered to raise then.
    """

    def __init__(self, method: str, package: Package) -> None:
        self._answer = EarlyAnswer(method)
        self.early = package.answered
        self.begun = False
        self.answered = False
        self._stream: Stream | None = None
        self._found = anyio.Event()
        self._over = anyio.Event()
        self._watch = anyio.CancelScope()
        self._work: anyio.CancelScope | None = None

    async def during(self, send: Callable[[], Awaitable[None]]) -> None:
        """Run what writes the request and reads its answer's head, and look out for that answer meanwhile."""
        token = _writing.set(self)
        try:
            async with _beside(self._look_out):
                try:
                    await send()
                finally:
                    self._watch.cancel()
        finally:
            _writing.reset(token)

    async def unless_answered(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do a part of the writing.

        Raises:
            Answered: If there is no need any more.
        """
        if not self.answered:
            with anyio.CancelScope() as self._work:
                try:
                    return await work()
                except Exception:
                    if not self.answered:
                        raise
                finally:
                    self._work = None
        raise self.early("the answer came before the request was written whole")

    def found(self, stream: Stream) -> None:
        """Take the stream that the request is written to."""
        self._stream = stream
        self.begun = False
        self._found.set()

    async def end(self) -> None:
        """Look out no more: whoever calls this reads now."""
        self._watch.cancel()
        await self._over.wait()

    async def _look_out(self) -> None:
        try:
            with self._watch:
                await self._found.wait()
                assert self._stream is not None
                self.answered = await self._stream.read_ahead(self._answer.take)
                if self.answered and self._work is not None:
                    self._work.cancel()
        finally:
            self._over.set()


@asynccontextmanager
async def _beside(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run what raises nothing and ends by itself in a task of its own."""
    if not Runtime.current().is_asyncio:
        async with _on_trio(work):
            yield
        return
    # No task group: one of AnyIO's forgets that its own task was cancelled by asyncio's means.
    task = asyncio.get_running_loop().create_task(work())
    try:
        yield
    finally:
        await asyncio.wait([task])


@asynccontextmanager
async def _on_trio(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        try:
            yield
        except Exception as error:
            # The task group would make a group of it.
            failure = error
    if failure is not None:
        raise failure


_writing: ContextVar[Writing | None] = ContextVar("writing", default=None)


class Stream:
    """See httpcore.AsyncNetworkStream.

    Args:
        inner: What it reads from and writes to.
        network: Where it is counted among the open ones.
        tls_with: With whom TLS on it is: TO_PROXY, or "" for the server.
    """

    def __init__(self, inner: Any, network: Network, tls_with: str = "") -> None:
        self._inner = inner
        self._network = network
        self._tls_with = tls_with
        self._writing: Writing | None = None
        self._ahead = bytearray()
        self._ended: Exception | bool = False
        self._until = math.inf
        self._broken_off = False
        self._alert: Exception | None = None
        network.open.add(self)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See httpcore.AsyncNetworkStream."""
        writing = _writing.get()
        if writing is not None and writing.begun:
            self._writing = writing
            writing.found(self)
        if self._broken_off:
            raise self._network.package.core.ReadError("a request on this connection has no end")
        try:
            if self._writing is None or not buffer:
                await self._inner.write(buffer, timeout)
            else:
                await self._writing.unless_answered(lambda: self._inner.write(buffer, timeout))
        except BaseException as error:
            # httpcore may take the request for sent: it has counted what was to be written.
            self._broken_off = True
            self._alert = tls_error_in(error)
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See httpcore.AsyncNetworkStream."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing.end()
        if self._ahead:
            piece = bytes(self._ahead[:max_bytes])
            del self._ahead[:max_bytes]
            return piece
        if isinstance(self._ended, Exception):
            raise self._ended
        try:
            return b"" if self._ended else await self._inner.read(max_bytes, timeout)
        except Exception as error:
            if self._alert is None:
                raise
            # That was the server's reason; httpcore looks for an answer all the same.
            raise error from self._alert

    def break_off(self) -> None:
        """Have nothing more be sent on it."""
        self._broken_off = True

    def keep_for(self, seconds: float) -> None:
        """Take note of how long the server keeps it open from now on, when nothing is under way."""
        self._until = anyio.current_time() + seconds - MARGIN

    async def read_ahead(self, is_enough: Callable[[bytes], bool]) -> bool:
        """Read until a function that is given each piece, b"" at the end, says it is enough; say whether it did."""
        while len(self._ahead) < MOST_AHEAD:
            try:
                # Cancelled, AnyIO's goes on reading, and asyncio keeps the context that it was begun in.
                piece = await self._network.context.complete(self._inner.read(READ_AT_ONCE))
            except Exception as error:
                self._ended = error
                return True
            self._ahead += piece
            self._ended = not piece
            if is_enough(piece) or self._ended:
                return True
        return False

    async def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> Any:
        """See httpcore.AsyncNetworkStream."""
        name = server_hostname
        if name is not None:
            name = server_name(name) if self._tls_with else self._network.detours.name(name)
        try:
            inner = await self._inner.start_tls(ssl_context, name, timeout)
        except BaseException as error:
            await self.aclose()
            is_told = isinstance(error, self._network.package.expected) and not self._tls_with
            if isinstance(error, Exception) and not is_told:
                raise NotConnected(tls_problem(error, self._tls_with), error) from None
            raise
        self._network.open.discard(self)
        return Stream(inner, self._network)

    def get_extra_info(self, info: str) -> Any:
        """See httpcore.AsyncNetworkStream."""
        is_over = self._ahead or self._ended or self._broken_off or anyio.current_time() >= self._until
        if info == "is_readable" and is_over:
            # What httpcore closes rather than send on it.
            return True
        try:
            return self._inner.get_extra_info(info)
        except Exception:
            # Of a connection that is gone nothing is known, not even by AnyIO. Whoever writes to it is told.
            return True if info == "is_readable" else None

    async def aclose(self) -> None:
        """See httpcore.AsyncNetworkStream; it cannot be cancelled."""
        self._network.open.discard(self)
        with anyio.CancelScope(shield=True):
            await self._inner.aclose()


class Network:
    """See httpcore.AsyncNetworkBackend.

    Args:
        package: Whose network it is.
        backend: Makes the connections.
        context: Where they live.
        socket_options: The user's.
        detours: Where connections go instead of where a URL says.

    Attributes:
        package, context, detours: See above.
        proxies: By host and port of those that there are, whether TLS is spoken with them.
        open: The streams that are not closed.
        closed: Whether there is to be no more of them.
    """

    def __init__(
        self,
        package: Package,
        backend: Any,
        context: ClientContext,
        socket_options: Iterable[SocketOption] = (),
        detours: Detours = NO_DETOURS,
    ) -> None:
        self.package = package
        self._backend = backend
        self.context = context
        self.detours = detours
        self.proxies: dict[Endpoint, bool] = {}
        self._socket_options = tuple(socket_options)
        self.open: set[Stream] = set()
        self.closed = False

    async def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> Stream:
        """See httpcore.AsyncNetworkBackend."""
        endpoint = self.detours.endpoint(host, port)
        speaks_tls = self.proxies.get((host, port))
        where = "" if speaks_tls is None else TO_PROXY
        try:
            check_endpoint(*endpoint, where)
        except ConnectError as problem:
            raise NotConnected(problem, None) from None
        connecting = self._backend.connect_tcp(*endpoint, *args, **options)
        return await self._connected(connecting, where, where if speaks_tls else "")

    async def connect_unix_socket(self, *args: Any, **options: Any) -> Stream:
        """See httpcore.AsyncNetworkBackend."""
        return await self._connected(self._backend.connect_unix_socket(*args, **options))

    async def _connected(self, connecting: Coroutine[Any, Any, Any], where: str = "", tls_with: str = "") -> Stream:
        try:
            stream = Stream(await self.context.complete(connecting), self, tls_with)
        except Exception as error:
            if isinstance(error, self.package.expected) and not where:
                raise
            raise NotConnected(no_connection(error, where), error) from None
        try:
            set_options_of(stream.get_extra_info("socket"), self._socket_options)
        except Exception as error:
            await stream.aclose()
            if isinstance(error, ConfigurationError):
                raise NotConnected(error, error.__cause__) from None
            raise NotConnected(no_connection(error, where), error) from None
        if self.closed:
            # It was on its way when the others were closed.
            await stream.aclose()
            raise self.package.core.ConnectError("the client is closed")
        return stream

    async def sleep(self, seconds: float) -> None:
        """See httpcore.AsyncNetworkBackend."""
        await self._backend.sleep(seconds)

    async def aclose(self) -> None:
        """Close what is open."""
        for stream in list(self.open):
            await stream.aclose()
