"""How the caller's trace goes on through a request that no span tells of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from ..transport.http.native.passed import PassedFields
from .guard import PROPAGATION, Guard
from .propagation import Propagation, injected

if TYPE_CHECKING:
    from ..transport.contract import Target


class Passing(PassedFields):
    """A RequestObserver for any number of requests, whose context is one: it has the propagator asked once.

    Args:
        propagation: To whom the context goes.
        context: What goes on: that of a span that does not record, or the caller's own; None: nothing.
        guard: Takes what the propagator raises.
    """

    __slots__ = ("_context", "_guard", "_pairs", "_propagation")

    def __init__(self, propagation: Propagation, context: Any, guard: Guard) -> None:
        super().__init__()
        self._propagation = propagation
        self._context = context
        self._guard = guard
        self._pairs: list[tuple[str, str]] | None = None

    def attempt(
        self, method: str, target: Target, headers: Sequence[tuple[str, str | None]], size: int | None
    ) -> list[tuple[str, str]]:
        """See RequestObserver."""
        if not self._propagation.allows(target):
            return []
        if self._pairs is None:
            self._pairs = self._guard.call(PROPAGATION, injected, self._context) or []
        return self._propagation.chosen(self._pairs, headers)

    def inside(self) -> AbstractContextManager[None]:
        """See RequestObserver."""
        return nullcontext()

    def connected(self, peer: Any) -> None:
        """See RequestObserver."""

    def head(self, status: int, http_version: str) -> None:
        """See RequestObserver."""

    def done(self) -> None:
        """See RequestObserver."""

    def failed(self, error: BaseException) -> None:
        """See RequestObserver."""
