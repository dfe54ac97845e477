"""Sends the requests of another client as they stand, and gives their answers as they come.

Nothing is followed, decoded or judged, and nothing is sent again that the server may have looked at.
"""

from typing import Any

from ....errors import TransportError
from ..request import PreparedRequest
from ..urls import URL
from .exchange import Exchange, target_of
from .relayed import Patience, Relayed
from .upload import renew_upload

# A body up to this size is copied behind its head; a longer one is written from where it is (bytes).
SHORT = 1 << 16


class Message:
    """A request that is encoded.

    Args:
        origin: Where it goes.
        server_name: The name that TLS asks the server for; None: what the engine's options say.
        head: Its head as HTTP/1.1 has it, with the empty line behind it; its fields frame its body.
        body: Its body; b"" for none, or where `source` gives it.
        source: An iterator that gives its body, or None.
        length: How many bytes `source` gives; None for any number, in chunks.
        is_head: Whether its answer has no body, whatever it says.
        closes: Whether it says that its connection is not to be used again.
    """

    __slots__ = ("body", "closes", "head", "is_head", "length", "origin", "server_name", "source")

    def __init__(
        self,
        origin: Any,
        server_name: Any,
        head: bytes,
        body: bytes,
        source: Any,
        length: Any,
        is_head: bool,
        closes: bool,
    ) -> None:
        self.origin = origin
        self.server_name = server_name
        self.head = head
        self.body = body
        self.source = source
        self.length = length
        self.is_head = is_head
        self.closes = closes


class Relay:
    """Puts messages on connections.

    Args:
        tasks: Where bodies are read while they are sent.
        pools: The connections.
        answers: Told what exchanges come to.
        terms: What holds for all of them.
    """

    __slots__ = ("_answers", "_now", "_pools", "_tasks", "_terms")

    def __init__(self, tasks: Any, pools: Any, answers: Any, terms: Any) -> None:
        self._tasks = tasks
        self._now = tasks.now
        self._pools = pools
        self._answers = answers
        self._terms = terms

    def begin(self, message: Message, patience: Patience) -> Relayed:
        """Send a message, and return what its answer comes in.

        Args:
            message: The message.
            patience: How long each phase may take.

        Raises:
            TransportError: If the engine is closed.
            ConfigurationError: If the environment says a proxy that is none.
        """
        if self._pools.closed:
            raise TransportError("the transport is closed", phase="connect", sent="none", came_of="closed")
        pool = self._pools.pool(message.origin, message.server_name)
        now = self._now()
        exchange = Exchange.__new__(Exchange)
        exchange.begin(self._answers, None, None, now + patience.shortest, None, 0, now)
        relayed = Relayed(self._answers, self._tasks, exchange, patience, self._now)
        self._terms.hold_for(exchange)
        exchange.is_head = message.is_head
        exchange.closes = message.closes
        exchange.repeatable = False
        if len(message.body) < SHORT:
            exchange.payload = message.head + message.body
        else:
            exchange.payload, exchange.body = message.head, message.body
        if message.source is not None:
            self._prepare_upload(exchange, message)
        pool.dispatch(exchange, now)
        if exchange.connection is None and exchange.completion is not None:
            relayed.waits()
        return relayed

    def _prepare_upload(self, exchange: Exchange, message: Message) -> None:
        head = message.head
        method = head[: head.find(b" ")].decode("ascii")
        sizes = [] if message.length is None else [("Content-Length", str(message.length))]
        scheme, host, port = message.origin
        url = URL(scheme, host, port, target_of(head).decode("ascii"))
        exchange.request = PreparedRequest(method, url, sizes, message.source)
        renew_upload(self._tasks, exchange, exchange.request)
