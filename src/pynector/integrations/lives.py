"""The engine below a transport on the event loop that runs: another loop has another one."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigurationError
from ..eventloop import Forgotten, Runtime
from ..transport.http.native.relaying import Relay
from ..transport.http.transport import HTTPTransport


class Life:
    """What a transport has on one event loop.

    Args:
        options: Those of the HTTP transport.
        owner: The transport; where it is forgotten, its connections are closed with a warning.

    Attributes:
        runtime: The event loop.
        relay: What sends requests; None until `begin`.
    """

    def __init__(self, options: dict[str, Any], owner: object) -> None:
        self.runtime = Runtime.current()
        self.relay: Relay | None = None
        self._transport = HTTPTransport(**options)
        self._forgotten = Forgotten(owner, self._transport.disconnect, f"a {type(owner).__name__}")

    async def begin(self) -> Relay:
        """Make what sends requests.

        Raises:
            ConfigurationError: If the engine cannot do what the options say, or is none that sends another package's
                requests: FakeTransport and Replay answer Pynector's own clients.
        """
        # Neither waits for anything, so that it is done once.
        await self._transport.connect()
        relay: Relay | None = self._transport.relay
        if relay is None:
            raise ConfigurationError(
                "pynector.testing answers Pynector's own clients: another package's has means of its own, such as respx"
            )
        await self._forgotten.watch()
        self.relay = relay
        return relay

    async def end(self) -> None:
        """Close every connection; what is in flight fails."""
        try:
            await self._transport.disconnect()
        finally:
            # Who was cancelled here has not forgotten it.
            await self._forgotten.leave()
