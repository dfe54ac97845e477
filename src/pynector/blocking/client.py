"""The client with the same methods for code without an event loop."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from ..client import Pynector as AsyncPynector
from ..stats import Stats
from .held import Entering, Held
from .streaming import BatchStream, EventStream, StreamedResponse, Subscription
from .thread import LoopThread

if TYPE_CHECKING:
    from typing_extensions import Self

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")

# The functions of its class; to type checkers they are methods that are bound, whose other parameters they know.
_OTHER: AsyncPynector = AsyncPynector  # type: ignore[assignment]


def _waiting(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[Concatenate[Pynector, P], T]:
    """Return a method that waits for another client's, with its arguments."""

    function: Callable[..., Coroutine[Any, Any, T]] = method

    def call(self: Pynector, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._thread.run(lambda: function(self._client, *args, **kwargs))

    return update_wrapper(call, method)


def _entering(
    method: Callable[P, Any], made: Callable[[Any, Held[Any]], V]
) -> Callable[Concatenate[Pynector, P], Entering[V]]:
    """Return a method whose result is used by `with`, as that of another client's is by `async with`."""

    function: Callable[..., Any] = method

    def call(self: Pynector, /, *args: P.args, **kwargs: P.kwargs) -> Entering[V]:
        # What is wrong with the arguments is raised here.
        manager = function(self._client, *args, **kwargs)
        return Entering(Held(self._thread, lambda: manager), made, f"client.{call.__name__}")

    return update_wrapper(call, method)


class Pynector:
    """The client for code without an event loop; its arguments and methods are those of `pynector.Pynector`.

    It has a thread of its own with an event loop (uvloop's where that is installed), which begins with the first use
    and ends with `close`, or with the program. Any number of threads may use it. Ctrl-C ends what the main thread
    waits for. What is called while a request goes on (`on_progress`, what gives a body or a batch's entries) is called
    in that thread, and must not use the client.

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

    def _begin(self, made: AsyncPynector) -> None:
        self._client = made
        self._thread = LoopThread(made.aclose)
        weakref.finalize(self, _forgotten, self._thread).atexit = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._client,)

    def __repr__(self) -> str:
        return repr(self._client).replace("Pynector", "blocking Pynector", 1)

    request = _waiting(_OTHER.request)
    request_with_retry = _waiting(_OTHER.request_with_retry)
    batch_request = _waiting(_OTHER.batch_request)
    get = _waiting(_OTHER.get)
    post = _waiting(_OTHER.post)
    put = _waiting(_OTHER.put)
    patch = _waiting(_OTHER.patch)
    delete = _waiting(_OTHER.delete)
    head = _waiting(_OTHER.head)
    download = _waiting(_OTHER.download)

    stream = _entering(_OTHER.stream, StreamedResponse)
    batch_stream = _entering(_OTHER.batch_stream, BatchStream)
    events = _entering(_OTHER.events, EventStream)
    subscribe = _entering(_OTHER.subscribe, Subscription)

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


def _rebuild(made: AsyncPynector) -> Pynector:
    rebuilt = Pynector.__new__(Pynector)
    rebuilt._begin(made)
    return rebuilt


def _forgotten(thread: LoopThread) -> None:
    if thread.stop(wait=False):
        warnings.warn("a blocking client was not closed: use `with`, or close()", ResourceWarning, stacklevel=1)
