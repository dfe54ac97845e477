"""Puts requests on the connections of a client, and ends those that are late or whose connection is lost."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ...errors import TimeoutError, client_closed
from .connection import Connection
from .pending import Pending
from .timeouts import Timeouts

# How many answers that nobody waits for a connection may owe, and no others, before it is replaced.
MOST_OWED = 10_000


class Multiplexer:
    """The requests of one client over all of its connections.

    Args:
        owner: Told by `lacking()` that there are fewer connections than there should be, or that requests wait for one,
            and by `unwanted()` that no request waits for one any more.
        prepare: Gives a request its message and its settings, by its data and options; or raises a ConfigurationError.
        complain: Takes what was raised where nobody can be told of it, and words for it.
        clock: The event loop's clock.
        call_at: Calls a function at a time on that clock, and gives a timer that can be cancelled.
        wanted: How many connections there should be.
        most_repeats: How often a request may be sent again at the most.

    Attributes:
        connections: Those that requests may go on.
        waiting: The requests that wait for one, in the order in which they go; always the same collection.
        complain: See above.
        closed: Whether the client has been closed.
        late: How many messages answered a request that had ended, or none at all.
    """

    __slots__ = (
        "__weakref__",
        "_as_response",
        "_idempotent",
        "_most_repeats",
        "_owner",
        "_prepare",
        "_takes_text",
        "_timeouts",
        "_wanted",
        "closed",
        "complain",
        "connections",
        "late",
        "waiting",
    )

    def __init__(
        self,
        owner: Any,
        prepare: Callable[[Pending, Any, Any], None],
        complain: Callable[[str, Exception], None],
        clock: Callable[[], float],
        call_at: Callable[..., Any],
        wanted: int,
        most_repeats: int,
    ) -> None:
        self._owner = owner
        self._prepare = prepare
        self.complain = complain
        self._timeouts = Timeouts(clock, call_at, self.ended_late)
        self.connections: list[Connection] = []
        # One that is given up must not stay until its turn.
        self.waiting: Any = OrderedDict()
        self._wanted = wanted
        self._most_repeats = most_repeats
        self._takes_text = False
        self._as_response = False
        self._idempotent = False
        self.closed = False
        self.late = 0

    def set_defaults(self, takes_text: bool, as_response: bool, idempotent: bool) -> None:
        """Say what holds for requests without options: whether a str is sent as it is, and their settings."""
        self._takes_text = takes_text
        self._as_response = as_response
        self._idempotent = idempotent

    # Requests

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> Any:
        """See SubmitTransport."""
        pending = Pending(self, deadline, completion, token)
        pending.as_response = self._as_response
        pending.idempotent = self._idempotent
        payload = utf8(data) if self._takes_text and not options and type(data) is str else None
        try:
            if payload is not None:
                pending.payload = payload
                pending.is_text = True
            else:
                self._prepare(pending, data, options)
            if self.closed:
                raise client_closed(*pending.progress())
            self._timeouts.add(pending)
        except Exception as error:
            pending.fail(error)
            return None
        connection = None if self.waiting else self._free()
        if connection is None:
            self.waiting[pending] = None
            self._owner.lacking()
        else:
            self._send(connection, pending)
            if len(self.connections) < self._wanted:
                self._owner.lacking()
        return pending if pending.completion is not None else None

    def _free(self) -> Any:
        """Give the connection with the least in flight that can take a request, or None."""
        best = None
        least = -1
        for one in self.connections:
            connection: Connection = one
            if connection.is_usable():
                load = connection.owed()
                if least < 0 or load < least:
                    best = connection
                    least = load
        return best

    def _send(self, connection: Connection, pending: Pending) -> None:
        try:
            connection.send(pending)
        except Exception as error:
            if pending.connection is not None:
                connection.broken(error)
            pending.fail(error)
            return
        if pending.one_way:
            pending.succeed(None)

    def send_waiting(self) -> None:
        """Send what waits, as far as connections can take it."""
        while self.waiting:
            connection = self._free()
            if connection is None:
                return
            self._send(connection, self.waiting.popitem(False)[0])

    def given_up(self, pending: Pending) -> None:
        """Take note that a request's caller does not wait any more."""
        pending.payload = b""
        connection: Connection = pending.connection
        if connection is None:
            self.waiting.pop(pending, None)
            if not self.waiting:
                self._owner.unwanted()
        else:
            connection.matcher.give_up(pending)
            if self.waiting or connection.owed() >= MOST_OWED:
                self.send_waiting()
                self._owner.lacking()

    def ended_late(self, pending: Pending) -> None:
        """End a request whose deadline has passed."""
        completion = pending.completion
        pending.completion = None
        phase, sent = pending.progress()
        try:
            self.given_up(pending)
        except Exception as problem:
            self.complain("a request could not be given up", problem)
        pending.completion = completion
        pending.fail(TimeoutError(phase=phase, sent=sent))

    # The end

    def drop(self, connection: Connection) -> None:
        """Use a connection no more: what is in flight on it fails, or waits to be sent again."""
        self.connections.remove(connection)
        unanswered = [pending for pending in connection.matcher.drain() if pending.completion is not None]
        # Before any of them ends: whoever is told of that may give up others, or send more.
        for pending in reversed(unanswered):
            # One that ends each connection it is sent on must not do so for ever.
            if pending.idempotent and pending.repeats < self._most_repeats:
                pending.repeats += 1
                pending.connection = None
                self.waiting[pending] = None
                self.waiting.move_to_end(pending, last=False)
        for pending in unanswered:
            if pending.connection is connection:
                pending.fail(connection.loss(pending.sent))

    def close(self) -> list[Pending]:
        """Take no more requests, and give those that have waited: they are the caller's to end."""
        self.closed = True
        self._timeouts.stop()
        return self.take_waiting()

    def take_waiting(self) -> list[Pending]:
        """Give the requests that wait, and forget them."""
        waiting = list(self.waiting)
        self.waiting.clear()
        return waiting


def utf8(text: str) -> Any:
    """Give text in UTF-8, or None if it has characters that UTF-8 cannot say."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None
