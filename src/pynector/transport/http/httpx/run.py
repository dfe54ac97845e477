"""One request of a caller, over all that the httpx engine sends for it, and what becomes of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

from ....errors import ConnectionLost, PynectorError, TimeoutError, TransportError, client_closed
from ....groups import single
from ...contract import RequestObserver
from ..body import failed_upload
from ..methods import IDEMPOTENT
from ..request import PreparedRequest
from ..response import Response
from .errors import translated
from .network import Network, NotConnected
from .progress import Progress
from .upload import Gone, Upload

Result = TypeVar("Result")
Origin = tuple[str, str, int]


class Run:
    """A request on its way.

    Args:
        request: What is sent first.
        settings: Its settings.
        observer: Told of its attempts, or None.
        network: Where it is sent.
        under_way: Where it is counted by its origin.
        tell: Told of connections: "open", host and port.

    Attributes:
        request: What is sent now: another one after a redirect.
        settings, observer: See above.
        progress: How far it has come.
        upload: Its body, where it is read while it is sent.
        timeout: Seconds that it may take.
        history: The redirects that it has followed.
    """

    def __init__(
        self,
        request: PreparedRequest,
        settings: dict[str, Any],
        observer: RequestObserver | None,
        network: Network,
        under_way: Counter[Origin],
        tell: Callable[[str, str, int], None],
    ) -> None:
        self.request = request
        self.settings = settings
        self.observer = observer
        self.progress = Progress(tell)
        self.upload: Upload | None = None
        self.history: tuple[Response, ...] = ()
        self.timeout = math.inf
        self._deadline = math.inf
        self._network = network
        self._under_way = under_way
        self._origin: Origin | None = None
        self.go_to(request)

    def go_to(self, request: PreparedRequest) -> None:
        """Send another request from now on."""
        self.over()
        self.request = request
        self.progress.url = request.url
        self._origin = request.url.origin
        self._under_way[self._origin] += 1

    def end_after(self, timeout: float) -> None:
        """Let it take some seconds from now on."""
        self.timeout = timeout
        self._deadline = anyio.current_time() + timeout

    def over(self) -> None:
        """Take note that nothing of it is under way any more."""
        origin, self._origin = self._origin, None
        if origin is not None:
            self._under_way[origin] -= 1
            if not self._under_way[origin]:
                del self._under_way[origin]

    def may_repeat(self) -> bool:
        """Say whether it may be sent again, whose connection was lost."""
        progress, request = self.progress, self.request
        repeatable = {request.method, progress.method} <= IDEMPOTENT and not request.is_one_shot
        return repeatable and not progress.fresh and progress.phase != "body"

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """Raise TimeoutError if what is done inside is not over at the deadline."""
        with anyio.CancelScope(deadline=self._deadline) as scope:
            yield
        if scope.cancelled_caught:
            label, progress = self.request.label, self.progress
            raise TimeoutError(request=label, phase=progress.phase, sent=progress.sent, seconds=self.timeout)

    async def told(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do a part of the work. Whatever raises in it leaves as a PynectorError, but for a cancellation.

        How far the request had come is noted on that, as `phase` and `sent`, and its name as `request`.
        """
        try:
            return await work()
        except BaseException as error:
            ended = await self._ended(error)
        # Outside of the except clause, or what is raised would keep the frames below as its context.
        raise ended

    async def _ended(self, error: BaseException) -> BaseException:
        self.over()
        await self.progress.give_up()
        if not isinstance(error, Exception):
            error = await _clear(error)
        if isinstance(error, Exception):
            return self.problem(error)
        error.phase, error.sent = self.progress.phase, self.progress.sent  # type: ignore[attr-defined]
        error.request = self.request.label  # type: ignore[attr-defined]
        return error

    def closed(self) -> TransportError:
        """Give the error of a request whose client was closed."""
        return client_closed(self.progress.phase, self.progress.sent)

    def problem(self, error: Exception) -> PynectorError:
        """Give what an exception is told as."""
        progress = self.progress
        if isinstance(error, PynectorError):
            problem: PynectorError = error
        elif isinstance(error, NotConnected):
            problem = error.problem
        elif self.upload is not None and self.upload.failure is not None:
            problem = failed_upload(self.upload.failure)
        elif self._network.closed:
            problem = self.closed()
        elif isinstance(error, Gone):
            said = "the connection broke, and the body cannot be read again"
            problem = ConnectionLost(said, phase=progress.phase, sent=progress.sent)
        else:
            problem = translated(error, progress, self._network.package.core)
        if isinstance(problem, (TransportError, TimeoutError)):
            problem.after(progress.sent)
        problem.request = problem.request or self.request.label
        return problem


async def _clear(ended: BaseException) -> BaseException:
    """Give what ended a request: a cancellation as itself, which on trio may come in a group that no caller knows."""
    if isinstance(ended, anyio.get_cancelled_exc_class()):
        return ended
    try:
        await anyio.lowlevel.checkpoint_if_cancelled()
    except BaseException as cancelled:
        return cancelled
    return single(ended)
