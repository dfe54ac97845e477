"""One request on its way through pool and connection, and who is told what became of it."""

from typing import Any

NO_LIMIT = -1


class Exchange:
    """One request on its way, and whom to tell.

    Attributes:
        payload: The request as it goes on the wire.
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
        hops: How many redirects it has followed.
        sent: How much of it had left on earlier tries: before a redirect, or on a connection that was dead.
        started: When it began, on the event loop's clock in seconds.
        connection: The connection it is on, or None.
        engine: What it is given up at.
        pool: Where it waits.
        plain: Whether its answer is just the body.
        sink: Takes the response's head and body as they come, or None to have them whole.
        observer: Told of its attempts, or None.
        upload: Writes the request's body after its head, or None if the payload is all.
        context: The caller's context variables, for the upload; None where there is none.
    """

    __slots__ = (
        "closes",
        "completion",
        "connection",
        "context",
        "data",
        "deadline",
        "engine",
        "hops",
        "is_head",
        "limit",
        "observer",
        "options",
        "payload",
        "plain",
        "pool",
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
        engine: Any,
        data: Any,
        options: Any,
        deadline: float,
        completion: Any,
        token: int,
        started: float,
    ) -> None:
        self.engine = engine
        self.data = data
        self.options = options
        self.deadline = deadline
        self.completion = completion
        self.token = token
        self.started = started
        self.payload = b""
        self.settings: Any = None
        self.request: Any = None
        self.connection: Any = None
        self.pool: Any = None
        self.closes = False
        self.is_head = False
        self.repeatable = True
        self.limit = NO_LIMIT
        self.hops = 0
        self.sent: Any = "none"
        self.plain = True
        self.sink: Any = None
        self.observer: Any = None
        self.upload: Any = None
        self.context: Any = None

    def cancel(self) -> None:
        """Give the request up: its completion is not called any more."""
        if self.completion is not None:
            self.completion = None
            self.engine.give_up(self)

    def progress(self) -> Any:
        """Say what is under way, and how much of the request has left."""
        if self.connection is None:
            return self.pool.phase_of_waiting(), self.sent
        phase = self.connection.phase()
        return phase, "full" if phase != "write" or self.sent == "full" else "partial"


class Receiver:
    """Whoever is told what the response to an exchange is."""

    __slots__ = ()

    def answered(self, exchange: Exchange, status: int, head: bytes, body: bytes, encoded: bool, version: str) -> None:
        """Take a response.

        Args:
            exchange: What it answers.
            status: Its status code.
            head: Its status line and header fields, without the empty line; b"" if a body is all that is wanted.
            body: Its body as it came.
            encoded: Whether the body has a content coding.
            version: The HTTP version, "1.1" or the like; "" where head is.
        """
        raise NotImplementedError


class Owner:
    """Whoever is told what became of a connection's exchange."""

    __slots__ = ()

    def answered(
        self,
        connection: Any,
        exchange: Exchange,
        status: int,
        head: bytes,
        body: bytes,
        encoded: bool,
        reusable: bool,
        server_timeout: int,
    ) -> None:
        """Take a response; see Receiver.

        Args:
            connection: Where it came from.
            exchange: What it answers.
            status: Its status code.
            head: Its status line and header fields, or b"" where nobody wants them.
            body: Its body as it came.
            encoded: Whether the body has a content coding.
            reusable: Whether the connection may carry another exchange.
            server_timeout: For how many seconds the server keeps it open, or NO_LENGTH.
        """
        raise NotImplementedError
