"""One request on its way through pool and connection, and who is told what becomes of it."""

from __future__ import annotations

from typing import Any, Protocol

from ...._speedups.told import succeed
from ....errors import Sent, most_sent
from ..decoding import inflated
from ..response import response_as_sent
from ..urls import URL
from . import head as heads

# Anew, so that it is C's own number here.
GZIPPED = heads.GZIPPED

COMPILED = not __file__.endswith(".py")

NO_LIMIT = -1

# What is at least this long (bytes) is written from where it is: to copy it behind what precedes it would cost more.
LONG = 1 << 16


class ExchangeOwner(Protocol):
    """Whoever has put an exchange on its way."""

    def conclude(self, exchange: Exchange, status: int, head: bytes, body: bytes, version: str) -> None:
        """Take a response that is not just a body for the caller.

        Args:
            exchange: What it answers.
            status: Its status code.
            head: Its status line and header fields, without the empty line.
            body: Its body as it came.
            version: The HTTP version, "1.1" or the like.
        """

    def settle(self, exchange: Exchange, status: int, head: bytes, body: bytes, version: str) -> None:
        """Take one, as `conclude`, whose head somebody has looked at."""

    def failed(self, exchange: Exchange, error: Exception) -> None:
        """Take what an exchange failed with."""

    def send_again(self, exchange: Exchange, problem: Any) -> None:
        """Send an exchange again, whose connection was dead before it arrived."""

    def give_up(self, exchange: Exchange) -> None:
        """End an exchange whose completion is not to be called."""


class Exchange:
    """One request on its way, and whom to tell.

    Attributes:
        payload: The request as it goes on the wire, but for `body`.
        body: Its body, where that is long: it is written from where it is; else b"".
        deadline: When it must have ended, on the event loop's clock in seconds.
        completion: See pynector.transport.Completion; None once it has ended or was given up.
        token: What to call the completion with.
        data: What the caller gave.
        options: What the caller gave.
        settings: What holds for the answer, by the name of the request's setting.
        request: The PreparedRequest, or None as long as nobody needed it.
        closes: Whether it says that its connection is not to be used again.
        is_head: Whether its answer has no body, whatever it says.
        repeatable: Whether it may be sent again if the connection was dead before it arrived.
        limit: The most bytes its body may have, or NO_LIMIT.
        history: The redirects that it has followed.
        anew: Whether it is to go on a connection that is made for it: those that there are may be dead.
        refusals: How often it was sent again because the server had not looked at it, since the last redirect.
        sent: How much of it had left on earlier tries: before a redirect, or on a connection that was dead.
        started: When it began, on the event loop's clock in seconds.
        connection: The connection it is on, or its stream of one that carries several; or None.
        owner: Told what it comes to.
        pool: Where it waits.
        body_only: Whether its answer is just the body.
        as_response: Whether its answer is a Response, which needs no closer look where its body has no coding.
        sink: Takes the response's head and body as they come, or None to have them whole.
        observer: Told of its attempts, or None.
        added: The header fields that `observer` or `passing` has put at the end of the payload's head, as on the wire.
        passing: What has put header fields on the payload, and wants to hear nothing; or None.
        upload: Writes the request's body after its head, or None if the payload is all.
        context: The caller's context variables, for the upload; None where there is none.
        patience: Says how long each phase may take, where each has a time of its own; `deadline` follows it. Or None.
    """

    __slots__ = (
        "added",
        "anew",
        "as_response",
        "body",
        "body_only",
        "closes",
        "completion",
        "connection",
        "context",
        "data",
        "deadline",
        "history",
        "is_head",
        "limit",
        "observer",
        "options",
        "owner",
        "passing",
        "patience",
        "payload",
        "pool",
        "refusals",
        "repeatable",
        "request",
        "sent",
        "settings",
        "sink",
        "started",
        "token",
        "upload",
    )

    def __init__(
        self,
        owner: ExchangeOwner,
        data: Any,
        options: Any,
        deadline: float,
        completion: Any,
        token: int,
        started: float,
    ) -> None:
        self.begin(owner, data, options, deadline, completion, token, started)

    def begin(
        self,
        owner: ExchangeOwner,
        data: Any,
        options: Any,
        deadline: float,
        completion: Any,
        token: int,
        started: float,
    ) -> None:
        """Do what the constructor does: compiled, it is a call of C's, whose arguments need not be objects."""
        self.owner = owner
        self.data = data
        self.options = options
        self.deadline = deadline
        self.completion = completion
        self.token = token
        self.started = started
        self.payload = b""
        self.body = b""
        self.settings: Any = None
        self.request: Any = None
        self.connection: Any = None
        self.pool: Any = None
        self.closes = False
        self.is_head = False
        self.repeatable = True
        self.limit = NO_LIMIT
        self.history: Any = ()
        self.anew = False
        self.refusals = 0
        self.sent: Any = "none"
        self.body_only = True
        self.as_response = False
        self.sink: Any = None
        self.observer: Any = None
        self.added = b""
        self.passing: Any = None
        self.upload: Any = None
        self.context: Any = None
        self.patience: Any = None

    def answered(self, status: int, head: bytes, body: bytes, encoded: int, version: str, now: float) -> None:
        """Take a response: a body alone is the answer, anything else is the owner's.

        Args:
            status: Its status code.
            head: Its status line and header fields, without the empty line; b"" if a body is all that is wanted.
            body: Its body as it came.
            encoded: Whether the body has a content coding; see Head.
            version: The HTTP version, "1.1" or the like; unknown where nobody wants to know more than a body.
            now: The time, on the event loop's clock in seconds.
        """
        is_plain = 200 <= status < 300
        try:
            if self.sink is not None:
                self.sink.conclude()
                return
            if self.observer is not None:
                self.observer.head(status, "HTTP/" + version)
                self.observer.done()
            if is_plain and encoded:
                content = inflated(body) if encoded == GZIPPED and (self.body_only or self.as_response) else None
                is_plain = content is not None
                if content is not None:
                    body = content
            if is_plain and self.body_only:
                self.succeed(body)
            elif is_plain and self.as_response:
                target, elapsed = target_of(self.payload), now - self.started
                origin, history = self.pool.origin, self.history
                self.succeed(response_as_sent(status, head, body, origin, target, version, elapsed, history))
            else:
                self.owner.conclude(self, status, head, body, version)
        except Exception as error:
            if self.completion is None:
                raise
            # Nobody else would end it: it is on no connection any more.
            self.owner.failed(self, error)

    def succeed(self, answer: Any) -> None:
        """Give the caller the answer, unless the request has ended."""
        completion = self.completion
        if completion is not None:
            self.completion = None
            succeed(completion, self.token, answer)

    def hop(self, response: Any) -> None:
        """Take note that what was sent is answered with a redirect, which is followed."""
        self.history = (*self.history, response)
        self.refusals = 0
        self.sent = "full"

    def is_whole(self) -> bool:
        """Say whether it can be sent once more: a body that is read only once may have been read in part."""
        return self.upload is None or not (self.upload.has_begun and self.request.is_one_shot)

    def cancel(self) -> None:
        """Give the request up: its completion is not called any more."""
        if self.completion is not None:
            self.completion = None
            self.owner.give_up(self)

    def goes_on(self, phase: Any, now: float) -> bool:
        """Say whether an exchange whose deadline has come has another one, by how long this phase of it may take."""
        if self.patience is None:
            return False
        self.deadline = self.patience.due(phase, now)
        return self.deadline > now

    def name(self) -> Any:
        """Name the request by what was sent, without anything secret; None before it was."""
        if self.request is not None:
            return self.request.label
        if not self.payload:
            return None
        method = self.payload[: self.payload.index(b" ")].decode("ascii")
        return f"{method} {url_of(self.payload, self.pool.origin).label}"

    def progress(self) -> Any:
        """Say what is under way, and how much of the request has left."""
        if self.connection is None:
            return self.pool.progress(self)
        phase = self.connection.phase()
        return phase, most_sent(self.sent, sent_in(phase))


def sent_in(phase: Any) -> Sent:
    """Return how much of a request on a connection has left."""
    return "none" if phase == "queue" else "partial" if phase == "write" else "full"


def target_of(payload: bytes) -> bytes:
    """Return the path and query of an encoded request."""
    data = payload
    start = space_after(payload, 0) + 1
    end = space_after(payload, start)
    return data[start:end]


def space_after(payload: bytes, start: int) -> int:
    """Return where the next space is in an encoded request's first line."""
    if COMPILED:
        return byte_at(payload, 32, start)  # type: ignore[name-defined,no-any-return] # noqa: F821
    return payload.index(b" ", start)


def url_of(payload: bytes, origin: tuple[str, str, int]) -> URL:
    """Return the URL of an encoded request to an origin."""
    return URL(*origin, target_of(payload).decode("ascii"))


class ConnectionOwner(Protocol):
    """Whoever has a connection: a pool, say."""

    def answered(self, connection: Any, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Take a response; what its fields come to, and whether another exchange may follow, the connection says.

        Args:
            connection: Where it came from.
            exchange: What it answers.
            head: Its status line and header fields, or b"" where nobody wants them.
            body: Its body as it came.
        """

    def failed(self, exchange: Exchange, problem: Any, phase: str) -> None:
        """Take what is wrong with an answer, as text or TOO_LARGE; its connection is closed already."""

    def lost(self, connection: Any, exchange: Exchange | None, error: Any, phase: str, heard: bool) -> None:
        """Take note that a connection is gone, and that its exchange, if any, has no answer.

        Args:
            connection: Which.
            exchange: What was on it, or None.
            error: What broke it, or None.
            phase: What was under way.
            heard: Whether a part of the answer has come.
        """
