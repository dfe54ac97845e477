"""The engine below a transport on the event loop that runs: another loop has another one."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigurationError
from ..eventloop import Forgotten, Runtime
from ..transport.http.native.relaying import Relay
from ..transport.http.transport import HTTPTransport


class Life:
    """What a transport has on one event loop: an engine, and one more for each name that TLS is to ask for.

    Args:
        options: Those of the HTTP transport.
        owner: The transport; where it is forgotten, its connections are closed with a warning.

    Attributes:
        runtime: The event loop.
        relays: What sends requests, by the name that TLS is to ask for, or None for the URL's host.
    """

    def __init__(self, options: dict[str, Any], owner: object) -> None:
        self.runtime = Runtime.current()
        self.relays: dict[str | None, Relay] = {}
        self._options = options
        self._transports: list[HTTPTransport] = []
        self._forgotten = Forgotten(owner, self._disconnect, f"a {type(owner).__name__}")

    async def begin(self, name: str | None) -> Relay:
        """Make what sends requests whose server TLS is to know by a name; see `relays`.

        Raises:
            ConfigurationError: If the engine cannot do what the options say, or is none that sends another package's
                requests: FakeTransport and Replay answer Pynector's own clients.
        """
        transport = HTTPTransport(**self._options if name is None else {**self._options, "server_hostname": name})
        # Neither waits for anything, so that there are no two of one name.
        await transport.connect()
        if transport.relay is None:
            raise ConfigurationError(
                "pynector.testing answers Pynector's own clients: another package's has means of its own, such as respx"
            )
        if not self._transports:
            await self._forgotten.watch()
        self._transports.append(transport)
        relay: Relay = transport.relay
        self.relays[name] = relay
        return relay

    async def end(self) -> None:
        """Close every connection; what is in flight fails."""
        await self._disconnect()
        await self._forgotten.leave()

    async def _disconnect(self) -> None:
        for transport in self._transports:
            await transport.disconnect()
