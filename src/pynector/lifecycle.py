"""The sessions of a client, one after another: each begins with the first use on an event loop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .config import nearest
from .errors import ConfigurationError, PynectorError
from .eventloop import ClientContext, Runtime
from .session import Session
from .stats import Counters, Stats
from .telemetry import Telemetry, watch
from .transport.capabilities import check_transport, counts_of, engine_of
from .transport.registry import TransportFactory, get_transport_factory_registry, option_names


class Lifecycle:
    """A client's transport, and the session it is used in.

    Args:
        transport: A transport of the caller's own, or None to make one.
        transport_type: The name of the factory that makes it.
        options: The transport's options.
        own: The names of the client's own settings, for messages.
        telemetry: Told of connections, or None.

    Attributes:
        transport: The transport.
        session: The session in use, or None before the first use and after `close`.
        counters: What has been done in all sessions.

    Raises:
        ConfigurationError: If the transport is none, or an option is not valid.
    """

    def __init__(
        self,
        transport: Any,
        transport_type: str,
        options: dict[str, Any],
        own: Iterable[str],
        telemetry: Telemetry | None,
    ) -> None:
        self._options = options
        self._telemetry = telemetry
        # A transport that is made anew must not have the context variables of the request it is made for.
        self._context = ClientContext()
        self._runtime: Runtime | None = None
        self._factory: TransportFactory | None = None
        self.session: Session | None = None
        # Those whose end was begun: whoever closes next finishes what a cancelled `close` has left.
        self._ending: list[Session] = []
        self.counters = Counters()
        if transport is not None:
            self.transport = check_transport(transport)
            if options:
                raise ConfigurationError(f"option {min(options)!r} has no effect on a transport that is passed in")
        else:
            self._factory = get_transport_factory_registry().get(transport_type)
            _refuse_unknown(options, transport_type, self._factory, own)
            self.transport = self._make_transport(self._factory)

    def current(self) -> Session:
        """Give the session on the caller's event loop, a new one if the last one's loop is gone.

        Raises:
            PynectorError: If the client is in use on another running loop.
        """
        session = self.session
        if session is not None:
            if session.runtime.serves():
                return session
            if not session.runtime.is_over():
                raise _in_use_elsewhere()
        before, self._runtime = self._runtime, Runtime.current()
        if before is not None and self._factory is not None:
            # The last session may not have ended with the transport it had.
            self.transport = self._make_transport(self._factory)
        reused = before is not None and self._factory is None and before.serves()
        self.session = session = Session(
            self.transport, self._runtime, self.counters, self._context, self._factory is not None, reused
        )
        if self._telemetry is not None:
            watch(session)
            if hasattr(self.transport, "on_connection"):
                self.transport.on_connection = self._telemetry.connection
        return session

    async def ready(self, limit: float) -> tuple[Session, float]:
        """Give a connected session, and what is left of `limit` seconds.

        Raises:
            PynectorError: If it cannot connect.
        """
        session = self.current()
        return session, await session.ready(limit)

    async def close(self) -> None:
        """End the session; a transport of the caller's own stays connected.

        If it is cancelled, what needs no waiting is done, and the next call does the rest.

        Raises:
            PynectorError: If it is in use on another running loop, or the transport cannot disconnect.
        """
        session = self.session
        if session is not None:
            if not session.runtime.is_over() and not session.runtime.serves():
                raise _in_use_elsewhere()
            self.session = None
            self._ending.append(session)
        for ending in list(self._ending):
            if ending.runtime.serves():
                await ending.close()
            if ending in self._ending and (ending.runtime.serves() or ending.runtime.is_over()):
                self._ending.remove(ending)

    def stats(self) -> Stats:
        """Give the numbers of all sessions."""
        if self.session is not None:
            return self.session.stats()
        counters, transport = self.counters, self.transport
        engine, reason = engine_of(transport)
        return Stats(
            counters.requests,
            dict(counters.errors),
            counters.retries,
            transport=counts_of(transport),
            engine=engine,
            engine_reason=reason,
        )

    def _make_transport(self, factory: TransportFactory) -> Any:
        return check_transport(self._context.run(factory.create_transport, **self._options))


def _refuse_unknown(
    options: dict[str, Any], transport_type: str, factory: TransportFactory, own: Iterable[str]
) -> None:
    known = option_names(factory)
    if known is None:
        return
    for name in options:
        if name not in known:
            hint = nearest(name, {*known, *own})
            raise ConfigurationError(f"transport {transport_type!r} and the client have no option {name!r}: {hint}")


def _in_use_elsewhere() -> PynectorError:
    return PynectorError("this client is in use on another event loop that still runs; make one client for each loop")
