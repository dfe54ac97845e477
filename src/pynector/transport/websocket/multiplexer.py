"""Puts requests on the connections of a client, and gives answers to those whose they are."""

from collections import OrderedDict
from typing import Any

from .channel import ChannelCore, Hub
from .pending import Pending
from .timeouts import Timeouts

# How many answers that nobody waits for a connection may owe, and no others, before it is replaced.
MOST_OWED = 10_000


class SwitchboardCore(Hub):
    """The requests of one client over all of its connections.

    Args:
        clock: The event loop's clock.
        call_at: Calls a function at a time on that clock, and gives a timer that can be cancelled.
        wanted: How many connections there should be.

    Attributes:
        channels: The connections.
        closed: Whether the client has been closed.
        late: How many messages answered a request that had ended, or none at all.
    """

    __slots__ = (
        "_as_response",
        "_idempotent",
        "_takes_text",
        "_timeouts",
        "_waiting",
        "_wanted",
        "channels",
        "closed",
        "late",
    )

    def __init__(self, clock: Any, call_at: Any, wanted: int) -> None:
        self._timeouts = Timeouts(clock, call_at, self.ended_late)
        self.channels: list[Any] = []
        # In the order in which they go; one that is given up must not stay until its turn.
        self._waiting: Any = OrderedDict()
        self._wanted = wanted
        self._takes_text = False
        self._as_response = False
        self._idempotent = False
        self.closed = False
        self.late = 0

    def set_plain(self, takes_text: bool, as_response: bool, idempotent: bool) -> None:
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
                self.prepare(pending, data, options)
            if self.closed:
                raise self.closed_error(pending)
            self._timeouts.add(pending)
        except Exception as error:
            pending.fail(error)
            return None
        channel = None if self._waiting else self._free()
        if channel is None:
            self._waiting[pending] = None
            self.lacking()
        else:
            self._send(channel, pending)
            if len(self.channels) < self._wanted:
                self.lacking()
        return pending if pending.completion is not None else None

    def _free(self) -> Any:
        """Give the connection with the least in flight that can take a request, or None."""
        best = None
        least = -1
        for one in self.channels:
            channel: ChannelCore = one
            if channel.is_usable():
                load = channel.matcher.size()
                if least < 0 or load < least:
                    best = channel
                    least = load
        return best

    def _send(self, channel: ChannelCore, pending: Pending) -> None:
        try:
            channel.send(pending)
        except Exception as error:
            if pending.connection is not None:
                channel.broken(error)
            pending.fail(error)
            return
        if pending.one_way:
            pending.succeed(None)

    def pump(self) -> None:
        """Send what waits, as far as connections can take it."""
        while self._waiting:
            channel = self._free()
            if channel is None:
                return
            self._send(channel, self._waiting.popitem(False)[0])

    def given_up(self, pending: Pending) -> None:
        """Take note that a request's caller does not wait any more."""
        pending.payload = b""
        channel: ChannelCore = pending.connection
        if channel is None:
            self._waiting.pop(pending, None)
            if not self._waiting:
                self.unwanted()
        else:
            channel.matcher.give_up(pending)
            if self._waiting or channel.matcher.size() >= MOST_OWED:
                self.pump()
                self.lacking()

    def ended_late(self, pending: Pending) -> None:
        """End a request whose deadline has passed."""
        completion = pending.completion
        pending.completion = None
        error = self.late_error(pending)
        try:
            self.given_up(pending)
        except Exception as problem:
            self.complain("a request could not be given up", problem)
        pending.completion = completion
        pending.fail(error)

    # What comes

    def message(self, channel: ChannelCore, payload: bytes, is_text: bool) -> None:
        """Take a message: an answer, or the peer's own."""
        if self.closed:
            return
        matcher = channel.matcher
        pending: Any = None
        try:
            pending = matcher.match(payload, is_text)
        except Exception as error:
            self.complain("the correlation failed", error)
        if pending is None:
            self.pushed(payload, is_text)
        else:
            # Not so if it is an answer that nobody asked for.
            channel.is_proven = channel.is_proven or pending.was_sent
            self._answer(pending, payload, is_text)
        if self._waiting:
            self.pump()

    def _answer(self, pending: Pending, payload: bytes, is_text: bool) -> None:
        if pending.completion is None:
            self.late += 1
        elif pending.error is not None:
            pending.fail(pending.error)
        elif pending.as_response:
            pending.succeed(self.response(payload, is_text))
        else:
            pending.succeed(payload)

    # The subclass's

    def prepare(self, pending: Pending, data: Any, options: Any) -> None:
        """Give a request its message and its settings.

        Raises:
            ConfigurationError: If they are not valid.
        """
        raise NotImplementedError

    def lacking(self) -> None:
        """Take note that there are fewer connections than there should be, or that requests wait for one."""
        raise NotImplementedError

    def unwanted(self) -> None:
        """Take note that no request waits for a connection any more."""
        raise NotImplementedError

    def pushed(self, payload: bytes, is_text: bool) -> None:
        """Take a message of the peer's own."""
        raise NotImplementedError

    def response(self, payload: bytes, is_text: bool) -> Any:
        """Give an answer with what is known of it."""
        raise NotImplementedError

    def closed_error(self, pending: Pending) -> Exception:
        """Give the error of a request that comes after the end, or has not ended before."""
        raise NotImplementedError

    def late_error(self, pending: Pending) -> Exception:
        """Give the error of a request whose deadline has passed."""
        raise NotImplementedError


def utf8(text: str) -> Any:
    """Give text in UTF-8, or None if it has characters that UTF-8 cannot say."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None
