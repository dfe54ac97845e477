"""What a pool knows of a connection, whatever is spoken on it."""

from collections.abc import Sequence
from typing import Any

from . import timing
from .exchange import Exchange
from .head import Head

# The most bytes of an answer's header fields, with those of interim answers before it.
MOST_HEADERS = 1 << 18

# A redirect's body is read up to this size, so that its connection can be used again, and dropped (bytes).
UNWANTED = 1 << 16

# What may be wrong with an answer, whatever is spoken.
TOO_LARGE = object()
TOO_LONG = "the header fields are longer than 256 KiB"


class ExhaustedError(Exception):
    """A connection takes no more exchanges, although it is open."""


def unsent(transport: Any) -> int:
    """Return how many bytes of what was written to a transport have not left."""
    size: int = transport.get_write_buffer_size()
    return size


class PooledConnection:
    """A connection to an origin, which carries one exchange after another, or several at a time.

    Attributes:
        transport: The event loop's transport, or None before it is connected and after it is lost.
        multiplexes: Whether it carries several exchanges at a time.
        load: How many are on it, where it does.
        limit: How many there may be.
        settled: Whether the peer has said how many.
        used: Whether an exchange has ended on it before.
        fields: What the head of the answer comes to that has just ended.
        version: The HTTP version of that answer, "1.1" or the like, unless the answer is just a body.
        reusable: Whether another exchange may follow the one that has ended.
        is_full: Whether its transport has said that too much waits to leave, where it carries one exchange at a time.
        retired: Whether it is closed when what is on it has ended.
        idle_since: When it was last used, if it is idle, on the event loop's clock in seconds; the pool's business.
        idle_until: When it is too old to be used again, on the event loop's clock in seconds; the pool's business.
        due: When its timer goes off, on the same clock; the pool's business.
        timer: That timer, or None.
        loss: What ended it, or None; the pool's business.
        descriptor: Its socket's file descriptor.
    """

    __slots__ = (
        "descriptor",
        "due",
        "fields",
        "idle_since",
        "idle_until",
        "is_full",
        "limit",
        "load",
        "loss",
        "multiplexes",
        "retired",
        "reusable",
        "settled",
        "timer",
        "transport",
        "used",
        "version",
    )

    def __init__(self) -> None:
        self.transport: Any = None
        self.load = 0
        self.limit = 1
        self.settled = True
        self.multiplexes = False
        self.used = False
        self.fields = Head()
        self.version = ""
        self.reusable = False
        self.is_full = False
        self.retired = False
        self.idle_since = 0.0
        self.idle_until = 0.0
        self.due = float("inf")
        self.timer: Any = None
        self.loss: Any = None
        self.descriptor = -1

    def start(self, exchange: Exchange) -> None:
        """Send a request; its answer goes to the pool.

        Raises:
            ExhaustedError: If it must go on another connection, as always where nothing is spoken.
        """
        raise ExhaustedError

    def exchanges(self) -> Sequence[Exchange]:
        """Return what is on it."""
        return ()

    def overdue(self, now: float) -> tuple[list[tuple[Exchange, str]], float]:
        """Return what is on it and has no time left, with what is under way; and when the next has none."""
        ended, due = [], timing.NEVER
        for exchange in self.exchanges():
            if exchange.deadline <= now and not exchange.goes_on(exchange.connection.phase(), now):
                ended.append((exchange, exchange.connection.phase()))
            elif exchange.deadline < due:
                due = exchange.deadline
        return ended, due

    def abandon(self) -> None:
        """Let go of what is on it, and end it at once."""
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """End it. What has not left by now is of no use any more."""
        if unsent(self.transport) > 0:
            # It would stay open, and keep its place, for as long as the peer does not read.
            self.transport.abort()
        else:
            self.say_end()
            self.transport.close()

    def say_end(self) -> None:
        """Tell the peer that this is the end, where the protocol has a word for it."""

    def release(self) -> None:
        """Let go of what refers back to it, when it is lost."""
