"""What a session's calls are inside: closing the session cancels them there, and waits until they have left."""

from __future__ import annotations

import math
from contextvars import ContextVar, Token
from types import TracebackType

import anyio

from .eventloop import ClientContext

# Those that the caller is inside: who closes the client from there cannot wait for himself.
_inside: ContextVar[tuple[anyio.CancelScope, ...]] = ContextVar("pynector_inside", default=())


class Scopes:
    """The cancel scopes of a session.

    Args:
        context: Where timers live that may outlive a request.
    """

    def __init__(self, context: ClientContext) -> None:
        self._context = context
        self._active: set[anyio.CancelScope] = set()
        self._left = anyio.Event()

    def cancel(self) -> None:
        """Cancel those that somebody is inside."""
        for scope in self._active:
            scope.cancel()

    async def wait(self) -> None:
        """Wait until nobody is inside any, but the caller."""
        while not self._active.issubset(_inside.get()):
            if self._left.is_set():
                self._left = anyio.Event()
            await self._left.wait()

    def enter(self, scope: anyio.CancelScope, deadline: float) -> Token[tuple[anyio.CancelScope, ...]]:
        """Note that the caller is inside a scope from now on; return what `leave` wants."""
        if deadline < math.inf:
            # asyncio keeps a timer that was cancelled, and the context it was set in, until its time has come.
            self._context.run(setattr, scope, "deadline", deadline)
        self._active.add(scope)
        return _inside.set((*_inside.get(), scope))

    def leave(self, scope: anyio.CancelScope, token: Token[tuple[anyio.CancelScope, ...]]) -> None:
        """Note that the caller is inside it no more."""
        self._active.discard(scope)
        self._left.set()
        _inside.reset(token)


class Guard:
    """Gives a cancel scope that is cancelled with the others of a session, too.

    No generator: an exception that one stops keeps its frame, which has the exception.

    Args:
        scopes: Those others.
        deadline: When it is cancelled at the latest, on the event loop's clock in seconds.
    """

    def __init__(self, scopes: Scopes, deadline: float) -> None:
        self._scopes = scopes
        self._deadline = deadline
        self._scope = anyio.CancelScope()

    def __enter__(self) -> anyio.CancelScope:
        self._scope.__enter__()
        self._token = self._scopes.enter(self._scope, self._deadline)
        return self._scope

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._scopes.leave(self._scope, self._token)
        return self._scope.__exit__(kind, error, traceback)
