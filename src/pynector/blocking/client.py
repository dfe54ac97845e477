"""The client with the same methods for code without an event loop."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..answer import Answer
from ..client import Pynector as AsyncPynector
from ..stats import Stats
from .held import Entering, Held
from .streaming import BatchStream, EventStream, StreamedResponse, Subscription
from .thread import LoopThread

if TYPE_CHECKING:
    from typing_extensions import Self

V = TypeVar("V")


def _waiting(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """Return a method that waits for another client's, with its arguments."""

    def call(self: Pynector, /, *args: Any, **kwargs: Any) -> Any:
        return self._thread.run(lambda: function(self._client, *args, **kwargs))

    return update_wrapper(call, function)


def _entering(function: Callable[..., Any], made: Callable[[Any, Held[Any]], V]) -> Callable[..., Entering[V]]:
    """Return a method whose result is used by `with`, as that of another client's is by `async with`."""

    def call(self: Pynector, /, *args: Any, **kwargs: Any) -> Entering[V]:
        # What is wrong with the arguments is raised here.
        manager = function(self._client, *args, **kwargs)
        return Entering(Held(self._thread, lambda: manager), made, f"client.{call.__name__}")

    return update_wrapper(call, function)


class Pynector(Generic[Answer]):
    """The client for code without an event loop; its arguments and methods are those of `pynector.Pynector`.

    It has a thread of its own with an event loop (uvloop's where that is installed), which begins with the first use
    and ends with `close`, or with the program. Any number of threads may use it. Ctrl-C ends what the main thread
    waits for. What is called while a request goes on (`on_progress`, what gives a body or a batch's entries) is called
    in that thread, and must not use the client, nor another one that would use it: that is an error.

    Raises:
        ConfigurationError: If an argument is not valid.
    """

    def __init__(
        self,
        transport: Any | None = None,
        transport_type: str = "http",
        enable_telemetry: bool = True,
        config: dict[str, Any] | None = None,
        **transport_options: Any,
    ) -> None:
        self._begin(AsyncPynector(transport, transport_type, enable_telemetry, config, **transport_options))

    def _begin(self, made: AsyncPynector[Answer]) -> None:
        self._client = made
        self._thread = LoopThread(made.aclose)
        weakref.finalize(self, _forgotten, self._thread).atexit = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._client,)

    def __repr__(self) -> str:
        return repr(self._client).replace("Pynector", "blocking Pynector", 1)

    request = _waiting(AsyncPynector.request)
    request_with_retry = _waiting(AsyncPynector.request_with_retry)
    batch_request = _waiting(AsyncPynector.batch_request)
    get = _waiting(AsyncPynector.get)
    post = _waiting(AsyncPynector.post)
    put = _waiting(AsyncPynector.put)
    patch = _waiting(AsyncPynector.patch)
    delete = _waiting(AsyncPynector.delete)
    head = _waiting(AsyncPynector.head)
    download = _waiting(AsyncPynector.download)

    stream = _entering(AsyncPynector.stream, StreamedResponse)
    batch_stream: Callable[..., Entering[BatchStream[Any]]] = _entering(AsyncPynector.batch_stream, BatchStream)
    events = _entering(AsyncPynector.events, EventStream)
    subscribe = _entering(AsyncPynector.subscribe, Subscription)

    def stats(self) -> Stats:
        """Give what this client has done and is doing, in numbers."""
        return self._client.stats()

    def close(self) -> None:
        """Release every resource, the thread too; what is in flight fails.

        It may be called more than once, and from any thread; a client that is used again afterwards connects again.
        """
        self._thread.stop()

    def __enter__(self) -> Self:
        self._thread.run(self._client.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _rebuild(made: AsyncPynector[Any]) -> Pynector[Any]:
    rebuilt: Pynector[Any] = Pynector.__new__(Pynector)
    rebuilt._begin(made)
    return rebuilt


def _forgotten(thread: LoopThread) -> None:
    if thread.stop(wait=False):
        warnings.warn("a blocking client was not closed: use `with`, or close()", ResourceWarning, stacklevel=1)
