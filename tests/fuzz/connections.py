"""One connection of the native engine, of either build, without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

import httptools

from .builds import Build

SCRATCH = 1 << 18


class Verdict(NamedTuple):
    """What becomes of one request.

    Attributes:
        kind: "answered", "refused" (the response is wrong) or "lost" (it is not whole).
        status, version, headers, body: The answer's; names of header fields in small letters.
        kept: Whether the connection can carry another request.
        said: What is wrong with the response.
        encoded: Whether the body has a content coding.
        timeout: For how many seconds the server says that it keeps the connection open, or -1.
    """

    kind: str
    status: int = 0
    version: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    kept: bool = False
    said: str = ""
    encoded: bool = False
    timeout: int = -1


class Transport:
    """Stands where the event loop's does."""

    closing = False

    def write(self, data: bytes) -> None:
        pass

    def abort(self) -> None:
        self.closing = True

    close = abort

    def get_extra_info(self, name: str) -> Any:
        return self

    def fileno(self) -> int:
        return -1

    def get_write_buffer_size(self) -> int:
        return 0


class Sink:
    """Takes a body in pieces."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def head(self, connection: Any, status: int, head: bytes, version: str) -> None:
        self.told.append((status, head, version))

    def feed(self, chunk: bytes) -> None:
        assert self.told[0], "a body without a head"
        self.told.append(chunk)

    def end(self) -> None:
        self.told.append(None)


@cache
def owner_of(build: Build) -> type[Any]:
    """Give the class of what stands where a pool of this build does."""

    class Pool:
        """Takes note of what it is told, as a verdict."""

        def __init__(self) -> None:
            self.verdicts: list[Verdict] = []

        def answered(self, connection: Any, exchange: Any, head: bytes, body: bytes) -> None:
            fields, version, reusable = connection.fields, connection.version, connection.reusable
            status = fields.status
            if exchange.sink is not None:
                (first, *chunks), end = exchange.sink.told[:-1], exchange.sink.told[-1]
                assert end is None, "a body without an end"
                assert body == b"", "a body that was given twice"
                status, head, version = first
                body = b"".join(chunks)
            assert type(body) is bytes, "a body that may change"
            encoded = bool(fields.encoded)
            self.verdicts.append(
                Verdict("answered", status, version, fields_of(head), body, reusable, "", encoded, fields.timeout)
            )
            if not reusable:
                connection.transport.close()

        def failed(self, exchange: Any, problem: Any, phase: str) -> None:
            said = "too large" if problem is build.http1.TOO_LARGE else str(problem)
            self.verdicts.append(Verdict("refused", said=f"{said} [{phase}]"))

        def lost(self, connection: Any, exchange: Any, error: Any, phase: str, heard: bool) -> None:
            if exchange is not None:
                self.verdicts.append(Verdict("lost", said=f"[{phase}]"))

    return Pool


def fields_of(head: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Give the header fields of a response's head."""
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return tuple((name.lower(), value.strip(b" \t")) for name, _, value in lines)


class Line:
    """A connection, its transport and its pool, driven as an event loop drives them.

    Args:
        build: Whose connection.
        scans: Whether plain responses are taken without the parser.
    """

    def __init__(self, build: Build, scans: bool) -> None:
        self._build = build
        self.pool = owner_of(build)()
        self.transport = Transport()
        self.connection = build.http1.Connection(httptools.HttpResponseParser, _scratch(), self.pool)
        self.connection.scans = scans
        self.connection.connection_made(self.transport)

    def ask(
        self,
        *,
        head: bool = False,
        limit: int = -1,
        streams: bool = False,
        follows: bool = False,
        plain: bool = False,
    ) -> None:
        """Put an exchange on the connection."""
        exchange = self._build.exchange.Exchange(None, None, None, 0.0, None, 0, 0.0)
        exchange.is_head, exchange.body_only, exchange.limit = head, plain, limit
        exchange.settings = {"follow_redirects": follows}
        exchange.sink = Sink() if streams else None
        self.connection.start(exchange)

    def receive(self, data: bytes) -> None:
        """Have bytes arrive; an event loop reads nothing more of a transport that is closing."""
        while data and not self.transport.closing:
            buffer = self.connection.get_buffer(-1)
            count = min(len(buffer), len(data))
            assert count > 0, "no room to read into"
            buffer[:count] = data[:count]
            data = data[count:]
            self.connection.buffer_updated(count)

    def end(self) -> None:
        """Have the stream end and the connection be lost."""
        if not self.transport.closing:
            self.connection.eof_received()
        self.connection.connection_lost(None)
        self.connection.release()


@cache
def _scratch() -> memoryview:
    return memoryview(bytearray(SCRATCH))


def verdict(
    build: Build,
    scans: bool,
    pieces: Iterable[bytes],
    then: Callable[[Line], None] | None = None,
    **exchange: bool | int,
) -> Verdict:
    """Give what becomes of one exchange when these pieces arrive and then the end.

    Args:
        build: See Line.
        scans: See Line.
        pieces: What arrives.
        then: Called with a line whose connection can carry another request.
        exchange: See Line.ask.
    """
    line = Line(build, scans)
    line.ask(**exchange)  # type: ignore[arg-type]
    for piece in pieces:
        line.receive(piece)
    seen = line.pool.verdicts[:1]
    kept = not line.transport.closing
    if seen and kept and then is not None:
        then(line)
    line.end()
    told = line.pool.verdicts if then is None or not (seen and kept) else seen
    assert len(told) == 1, f"an exchange that ended {len(told)} times"
    only: Verdict = told[0]
    return only._replace(kept=kept and only.kept)
