"""How far a request has come, over its hops, its replays and all that an auth flow sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio

from ....errors import Phase, Sent, most_sent
from ..urls import URL
from .network import Writing

# What of httpcore's trace events moves a request on, and to where.
_STEPS: dict[str, tuple[Phase, Sent]] = {
    "send_request_headers.started": ("write", "partial"),
    "send_request_body.complete": ("headers", "full"),
    "receive_response_headers.started": ("headers", "partial"),
    "receive_response_headers.complete": ("body", "full"),
}
_CONNECTS = frozenset({"connect_tcp.started", "connect_unix_socket.started"})
_CONNECTED = frozenset({"connect_tcp.complete", "connect_unix_socket.complete"})


class Progress:
    """How far one request has come.

    Args:
        tell: Told of connections: "open", host and port.

    Attributes:
        url: Where it goes.
        phase: What is under way.
        sent: How much of the request has left, at any try.
        fresh: Whether the connection was made for what is sent now.
        method: The method of that.
        writing: What is told that the writing begins, or None.
    """

    url: URL

    def __init__(self, tell: Callable[[str, str, int], None]) -> None:
        self._tell = tell
        self._connecting: Any = None
        self._tunnels = False
        self.phase: Phase = "queue"
        self.sent: Sent = "none"
        self.fresh = False
        self.method = ""
        self.writing: Writing | None = None

    def begin(self, method: bytes, writing: Writing | None) -> None:
        """Take note that it is sent, first or again, or what an auth flow sends for it."""
        self.method = method.decode("latin-1")
        self.phase, self.fresh, self._tunnels, self.writing = "queue", False, False, writing

    async def trace(self, event: str, info: Any) -> None:
        """Follow httpcore's events, named like "http11.send_request_body.complete"."""
        protocol, _, step = event.partition(".")
        if step in _CONNECTS:
            self.phase, self.fresh = "connect", True
        elif step in _CONNECTED:
            self._connecting = info["return_value"]
            self._tell("open", self.url.host, self.url.port)
        elif step == "start_tls.started":
            self.phase, self._tunnels = "tls", False
        elif step == "start_tls.complete":
            self._connecting = info["return_value"]
        elif step in _STEPS:
            if step == "send_request_headers.started":
                # What asks a proxy for a tunnel is no part of the request.
                self._tunnels = info["request"].method == b"CONNECT"
            if not self._tunnels:
                self._move(protocol, step)

    def _move(self, protocol: str, step: str) -> None:
        self.phase, sent = _STEPS[step]
        self.sent = most_sent(self.sent, sent) or sent
        self._connecting = None
        if step == "send_request_headers.started" and self.writing is not None and protocol == "http11":
            self.writing.begun = True

    async def give_up(self) -> None:
        """Close what was about to become a connection: httpcore forgets it."""
        stream, self._connecting = self._connecting, None
        if stream is not None:
            with anyio.CancelScope(shield=True):
                await stream.aclose()
