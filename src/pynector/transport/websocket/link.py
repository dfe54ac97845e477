"""What stands between an event loop and a connection, so that the loop keeps no client alive that was forgotten."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

import anyio


class Link(asyncio.Protocol):
    """The protocol that an event loop's transport calls. It passes everything on for as long as its target lives.

    An event loop holds its transports, and these their protocols. So this one keeps an open connection alive only by
    what somebody waits for: a request holds whoever awaits it, and so its client.

    Args:
        *awaited: Collections of what somebody waits for, which hold nothing else.

    Attributes:
        ended: Set when the connection has ended.
    """

    def __init__(self, *awaited: Any) -> None:
        self._target: Callable[[], Any] = _nobody
        self._kept: Any = None
        self._awaited = awaited
        self.ended = anyio.Event()

    def lead_to(self, target: Any) -> None:
        """Pass everything on to a target, the handshake or the connection. It is kept alive, for now."""
        self._target = weakref.ref(target)
        self._kept = target

    def keep(self, target: Any) -> None:
        """Keep the target alive until its end, for somebody waits for that."""
        self._kept = target

    def let_go(self) -> None:
        """Do not keep the target alive any more."""
        self._kept = None

    def is_cut(self) -> bool:
        """Say whether a garbage collector has found the target, so that parts of it have come to their end."""
        return self._target() is None

    def connection_made(self, transport: Any) -> None:
        """See asyncio.Protocol."""
        target = self._target()
        if target is None:
            transport.abort()
        else:
            target.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        target = self._target()
        if target is not None:
            target.data_received(data)

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        target = self._target()
        if target is not None:
            target.eof_received()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        target = self._target()
        if target is not None:
            target.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        target = self._target()
        if target is not None:
            target.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        target = self._target()
        if target is not None:
            target.connection_lost(error)
        self._kept = None


def _nobody() -> None:
    pass
