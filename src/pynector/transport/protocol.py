"""What a transport is: the contract, and the two capabilities it may have beyond it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from typing_extensions import Self


@runtime_checkable
class TransportProtocol(Protocol):
    """The least a transport must do. It is given one exchange at a time, and never the next before the last ended.

    An exchange that fails or is cancelled in the middle may leave an answer on its way, so the client then calls
    `disconnect` and `connect` before it sends anything more.

    A transport may have an attribute `max_concurrency`: the most exchanges it carries at a time (int, 1 or more), or
    None for any number. It counts for transports that have `exchange` or `submit`.

    A transport may have a method `describe(data, options) -> str` that names a request for error messages, without
    anything secret.
    """

    async def connect(self) -> None:
        """Make ready to send. Called once before the first exchange, and again after `disconnect`."""

    async def disconnect(self) -> None:
        """Release every resource. May be called more than once, and when not connected."""

    async def send(self, data: Any, /, **options: Any) -> None:
        """Send one request."""

    def receive(self) -> AsyncIterator[bytes]:
        """Iterate over the chunks of the answer to the request sent last. The iterator ends where the answer does."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None: ...


class ExchangeTransport(Protocol):
    """A transport that carries many exchanges at a time, each in its caller's task."""

    async def connect(self) -> None:
        """See TransportProtocol."""

    async def disconnect(self) -> None:
        """See TransportProtocol."""

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        """Send one request and give its whole answer. Cancelling it releases all that it holds."""


class StreamTransport(Protocol):
    """A transport that can give an answer while it comes."""

    def stream(self, data: Any, options: Mapping[str, Any], timeout: float, /) -> AbstractAsyncContextManager[Any]:
        """Send one request and give its answer, whose body has not come yet. Leaving the context ends the exchange.

        Args:
            data: What to send.
            options: The request's options.
            timeout: Seconds the whole exchange may take; math.inf for no end.
        """


class Handle(Protocol):
    """What `submit` may give back."""

    def cancel(self) -> None:
        """Give the request up: its completion is not called any more, and nothing of it stays behind."""


class Completion(Protocol):
    """Where the answer to a submitted request goes; each request gets exactly one of the two calls."""

    def succeed(self, token: int, response: Any, /) -> None:
        """Take the answer to the request with this token."""

    def fail(self, token: int, error: BaseException, /) -> None:
        """Take the failure of the request with this token."""


class SubmitTransport(Protocol):
    """A transport that carries many exchanges at a time, with neither a task nor a future for each."""

    async def connect(self) -> None:
        """See TransportProtocol."""

    async def disconnect(self) -> None:
        """See TransportProtocol. Requests still in flight fail."""

    def submit(
        self,
        data: Any,
        options: Mapping[str, Any],
        deadline: float,
        completion: Completion,
        token: int,
        /,
    ) -> Handle | None:
        """Start one request and return at once.

        It never raises: what is wrong with a request is that request's failure. The completion may be called before
        `submit` returns, and must be called in the event loop's thread.

        Args:
            data: What to send.
            options: The request's options; not to be changed, it may be shared.
            deadline: When the request must have ended, in seconds on the event loop's clock; it fails with a
                TimeoutError then. math.inf for no end.
            completion: What to call with the answer.
            token: What to call it with.

        Returns:
            A handle to give the request up by, or None if it has ended already.
        """
