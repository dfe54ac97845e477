"""The answer to a request of another client, in which each phase has a time of its own."""

from typing import Any

from .exchange import Exchange
from .incoming import Incoming
from .timing import NEVER

# How often a write that moves is looked at in the time that it may stand still.
LOOKS = 4


class Patience:
    """For how many seconds nothing may happen in each phase of an exchange.

    Attributes:
        queue: While it waits for a connection to be free.
        connect: While one is made, up to TCP, and again in the TLS handshake.
        write: While the peer takes nothing of the request.
        read: While nothing comes of the answer, and somebody waits for it.
        shortest: The shortest of these.
    """

    __slots__ = ("connect", "queue", "read", "shortest", "write")

    def __init__(self, queue: float = NEVER, connect: float = NEVER, write: float = NEVER, read: float = NEVER) -> None:
        self.queue = queue
        self.connect = connect
        self.write = write
        self.read = read
        self.shortest = min(queue, connect, write, read)

    def of(self, phase: Any) -> float:
        """Return that of a phase, by its name in errors."""
        if phase in ("headers", "body"):
            return self.read
        return self.queue if phase == "queue" else self.write if phase == "write" else self.connect


class Relayed(Incoming):
    """Takes an answer as it comes, and says when an exchange has stood still for too long.

    Args:
        answers: See Incoming.
        tasks: See Incoming.
        exchange: See Incoming.
        patience: How long that is.
        now: Gives the time, on the event loop's clock in seconds.

    Attributes:
        patience: See above.
        transport: The event loop's transport that the head has come on, or None.
    """

    __slots__ = ("_left", "_now", "_phase", "_since", "patience", "transport")

    def __init__(self, answers: Any, tasks: Any, exchange: Exchange, patience: Patience, now: Any) -> None:
        super().__init__(answers, tasks, exchange)
        self.patience = patience
        self.transport: Any = None
        self._now = now
        # Since when nothing has happened, in which phase, and how much of the request had not left.
        self._since = exchange.started
        self._phase: Any = None
        self._left = 0
        exchange.patience = self

    # The pool's calls

    def waits(self) -> None:
        """Take note of what the exchange waits for, which has just been put on its way."""
        self._phase = self.exchange.progress()[0]

    def begun(self) -> None:
        """Take note that the exchange is on a connection now."""
        self._since = self._now()
        exchange = self.exchange
        # What it waited for before may have had another time.
        exchange.deadline = self._since + self.patience.shortest
        self._phase = "headers"
        if exchange.upload is not None or exchange.body:
            self._phase = "write"
            self._left = exchange.connection.left()

    def due(self, phase: Any, now: float) -> float:
        """Return when the exchange will have stood still for too long, if it does so until then.

        Args:
            phase: What is under way.
            now: The time. Whatever has happened since this was asked last and is not known happened now.
        """
        limit = self.patience.of(phase)
        if phase == "body":
            if self._waiter is None:
                self._since = now
        elif phase != self._phase:
            self._since = now
        if phase == "write":
            left: int = self.exchange.connection.left()
            has_moved = left != self._left or left == 0 or phase != self._phase
            self._left = left
            if has_moved:
                # Or what reads the body has nothing. When it moves next is not told, so that it is looked at.
                self._since = now
                limit /= LOOKS
        self._phase = phase
        return self._since + limit

    # The connection's calls

    def head(self, connection: Any, status: int, head: bytes, version: str) -> None:
        """See Incoming."""
        self._since = self._now()
        self.transport = connection.transport
        Incoming.head(self, connection, status, head, version)

    def feed(self, piece: bytes) -> None:
        """See Incoming."""
        self._since = self._now()
        Incoming.feed(self, piece)

    # The reader's calls

    def news(self) -> Any:
        """See Incoming."""
        if self.is_open:
            self._since = self._now()
        return Incoming.news(self)
