"""What an endpoint may answer, and its bytes on the wire."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

BLOCK = b"0123456789abcdef" * 4096
"""The content of generated bodies, repeated as often as it takes: 64 KiB."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = (204, 304)


def reason_phrase(status: int) -> str:
    """Return the registered phrase of a status code, or a stand-in for an unknown one."""
    return _PHRASES.get(status, "Unassigned")


def encode_head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a status line and header fields with the empty line after them."""
    lines = [f"HTTP/1.1 {status} {reason_phrase(status)}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    return ("".join(lines) + "\r\n").encode("latin-1")


@dataclass(slots=True)
class Response:
    """A complete response, sent in one write.

    Attributes:
        status: The status code.
        body: The content; dropped for a status that has none.
        content_type: Value of Content-Type.
        headers: Further header fields. One named Content-Type replaces `content_type`.
        delay: Seconds to wait before it is sent.
        trailing: Bytes sent after the end of the response.
        counted: Whether the request appears in the counts.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Sequence[tuple[str, str]] = ()
    delay: float = 0.0
    trailing: bytes = b""
    counted: bool = True

    @property
    def bodiless(self) -> bool:
        """Whether the status is one that has no content."""
        return self.status in _BODILESS

    def fields(self) -> list[tuple[str, str]]:
        """Return the header fields, whatever the version of the protocol."""
        fields = list(self.headers)
        if not self.bodiless:
            if not any(name.lower() == "content-type" for name, _ in fields):
                fields.insert(0, ("Content-Type", self.content_type))
            fields.append(("Content-Length", str(len(self.body))))
        return fields

    def encode(self, *, head_only: bool = False, close: bool = False) -> bytes:
        """Return the bytes of the response in HTTP/1.1.

        Args:
            head_only: Leave out the body, as the answer to HEAD does.
            close: Announce the end of the connection.
        """
        fields = self.fields()
        if close:
            fields.append(("Connection", "close"))
        head = encode_head(self.status, fields)
        return head if self.bodiless or head_only else head + self.body + self.trailing


class Framing(enum.Enum):
    """How the end of a streamed body is marked in HTTP/1.1; in HTTP/2 only LENGTH tells its size before."""

    LENGTH = enum.auto()
    CHUNKED = enum.auto()
    CLOSE = enum.auto()


@dataclass(slots=True)
class Stream:
    """A response in several writes.

    Attributes:
        parts: The content in the pieces in which it is written.
        length: The announced size of the content in bytes.
        framing: How the end of the body is marked.
        interval: Seconds between two pieces.
        truncated: Whether `parts` hold less than `length`, so that the connection must end.
    """

    parts: Iterator[bytes]
    length: int
    framing: Framing = Framing.LENGTH
    interval: float = 0.0
    truncated: bool = False

    @property
    def close(self) -> bool:
        """Whether the connection ends with this response."""
        return self.truncated or self.framing is Framing.CLOSE

    def fields(self) -> list[tuple[str, str]]:
        """Return the header fields, whatever the version of the protocol."""
        fields = [("Content-Type", "application/octet-stream")]
        if self.framing is Framing.LENGTH:
            fields.append(("Content-Length", str(self.length)))
        return fields

    def encode_head(self, *, close: bool = False) -> bytes:
        """Return the head of the response in HTTP/1.1; `close` announces the end of the connection."""
        fields = self.fields()
        if self.framing is Framing.CHUNKED:
            fields.append(("Transfer-Encoding", "chunked"))
        if close or self.framing is Framing.CLOSE:
            fields.append(("Connection", "close"))
        return encode_head(200, fields)

    def frames(self) -> Iterator[bytes]:
        """Return the pieces as they are written, in chunked coding if that is the framing."""
        return _chunks(self.parts) if self.framing is Framing.CHUNKED else self.parts


class NoAnswer(enum.Enum):
    """Ways to leave a request without an answer."""

    HANG = enum.auto()
    CLOSE = enum.auto()


def blocks(size: int) -> Iterator[bytes]:
    """Yield generated content of `size` bytes in pieces of at most 64 KiB."""
    whole, rest = divmod(size, len(BLOCK))
    for _ in range(whole):
        yield BLOCK
    if rest:
        yield BLOCK[:rest]


def _chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"
