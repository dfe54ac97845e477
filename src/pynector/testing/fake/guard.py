"""Fails a test on real network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...transport.net import guard
from ...transport.net.hosts import is_local


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Let no client of Pynector connect to another machine meanwhile, over HTTP or WebSocket, in whatever thread.

    Allowed are localhost, 127.0.0.0/8, ::1 and Unix sockets; a proxy there counts as there. What would connect
    elsewhere, be it by a name that leads back, gets a ConnectError that is not retried. Connections that are open
    before go on.

    Yields:
        What was refused so far, each "host:port".

    Raises:
        AssertionError: At its end, if anything was refused; the code under test may have caught the ConnectError.
    """
    refused: list[str] = []

    def refuse(host: str, port: int) -> str | None:
        if is_local(host):
            return None
        refused.append(f"{host}:{port}")
        return f"the test allows no network, and {host}:{port} is not this machine"

    before, guard.refuse = guard.refuse, refuse
    try:
        yield refused
    finally:
        guard.refuse = before
    if refused:
        raise AssertionError(f"a client of Pynector wanted to connect to {', '.join(dict.fromkeys(refused))}")
