"""Tells on trio when sockets are ready: by one task for all of a run, where the selector can itself be waited for."""

from __future__ import annotations

import selectors
from collections.abc import Callable
from contextvars import Context
from functools import partial
from socket import socket
from typing import Any, Protocol

import trio
from trio.lowlevel import RunVar, spawn_system_task, wait_readable, wait_writable

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Watcher(Protocol):
    """Who is told of a socket.

    Attributes:
        context: The context variables that it is told with.
    """

    context: Context

    def ready(self, events: int) -> object:
        """Take note that the socket is ready for READ, WRITE, or both, or was when others had not been told yet."""


class Polled:
    """Asks a selector of its own, in one system task that is there as long as it knows of a socket."""

    def __init__(self) -> None:
        self._selector: Any = None
        self._scope = trio.CancelScope()
        self._known: dict[Watcher, socket] = {}

    def watch(self, sock: socket, watcher: Watcher, events: int) -> None:
        """Tell from now on when a socket is ready for READ, WRITE, both or, with 0, nothing.

        Until it is forgotten its watcher stays alive, and where the run ends before, it is closed.
        """
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
            self._scope = trio.CancelScope()
            spawn_system_task(self._run, self._selector, self._scope, self._known, context=Context())
        self._known[watcher] = sock
        self._ask(sock, watcher, events)

    def forget(self, sock: socket, watcher: Watcher) -> None:
        """Tell no more; the socket is about to be closed."""
        if self._known.pop(watcher, None) is not None:
            self._ask(sock, watcher, 0)
            if not self._known:
                self._selector, self._known = None, {}
                self._scope.cancel()

    def _ask(self, sock: socket, watcher: Watcher, events: int) -> None:
        selector = self._selector
        if sock.fileno() not in selector.get_map():
            if events:
                selector.register(sock, events, watcher)
        elif events:
            selector.modify(sock, events, watcher)
        else:
            selector.unregister(sock)

    async def _run(self, selector: Any, scope: trio.CancelScope, known: dict[Watcher, socket]) -> None:
        try:
            with scope:
                while True:
                    await wait_readable(selector.fileno())
                    for key, events in selector.select(0):
                        key.data.context.run(key.data.ready, events)
        finally:
            # Where the run ends, some are left.
            for sock in known.values():
                sock.close()
            known.clear()
            selector.close()
            if self._selector is selector:
                self._selector = None


class Awaited:
    """Waits for each socket in system tasks: one that is there as long as it is known, and one for each event."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[Watcher, int], trio.CancelScope] = {}

    def watch(self, sock: socket, watcher: Watcher, events: int) -> None:
        """See Polled."""
        if (watcher, 0) not in self._scopes:
            self._start(watcher, 0, partial(_kept, sock))
        for event, wait in ((READ, wait_readable), (WRITE, wait_writable)):
            if not events & event:
                self._stop(watcher, event)
            elif (watcher, event) not in self._scopes:
                self._start(watcher, event, partial(_told, sock, watcher, event, wait))

    def forget(self, sock: socket, watcher: Watcher) -> None:
        """See Polled."""
        for event in (READ, WRITE, 0):
            self._stop(watcher, event)

    def _start(self, watcher: Watcher, event: int, work: Callable[[trio.CancelScope], Any]) -> None:
        scope = self._scopes[watcher, event] = trio.CancelScope()
        spawn_system_task(work, scope, context=Context())

    def _stop(self, watcher: Watcher, event: int) -> None:
        scope = self._scopes.pop((watcher, event), None)
        if scope is not None:
            scope.cancel()


async def _kept(sock: socket, scope: trio.CancelScope) -> None:
    try:
        with scope:
            await trio.sleep_forever()
    finally:
        if not scope.cancel_called:
            # The run is at its end.
            sock.close()


async def _told(
    sock: socket, watcher: Watcher, event: int, wait: Callable[[socket], Any], scope: trio.CancelScope
) -> None:
    with scope:
        while not scope.cancel_called:
            await wait(sock)
            watcher.context.run(watcher.ready, event)


_running: RunVar[Polled | Awaited] = RunVar("pynector")


def running_readiness() -> Polled | Awaited:
    """Return what tells in the trio run that the caller is in."""
    try:
        return _running.get()
    except LookupError:
        readiness = Polled() if hasattr(selectors.DefaultSelector, "fileno") else Awaited()
        _running.set(readiness)
        return readiness
