"""Messages of WebSocket: a whole connection, fed at any cuts, against websockets' protocol."""

from __future__ import annotations

from dataclasses import dataclass, field

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from pynector import ProtocolError, ResponseTooLarge, WebSocketClosed
from wslines import Line

from .frames import TOKENS, refused
from .source import Source, cuts

LIMIT = 100


@dataclass
class Heard:
    """What came of a connection.

    Attributes:
        messages: The messages, and whether each is text.
        replies: What the peer was sent, but for the reasons of closing.
        end: The kind of its end, and the code of closing.
    """

    messages: list[tuple[bytes, bool]] = field(default_factory=list)
    replies: list[tuple[Opcode, bytes]] = field(default_factory=list)
    end: tuple[str, int] = ("", 0)


def check(source: Source) -> None:
    """Raise if a connection hears something else than websockets does, or than in other pieces."""
    data = source.wire(TOKENS)
    expected = of_websockets(data)
    for pieces in cuts(data):
        seen = heard(pieces, None)
        assert seen == expected, f"{data!r} in {len(pieces)} pieces\nis {seen}\nand by websockets {expected}"
    limited = [heard(pieces, LIMIT) for pieces in cuts(data)]
    assert all(its == limited[0] for its in limited), f"{data!r} within {LIMIT}: {limited}"
    check_limit(limited[0], expected)


def check_limit(limited: Heard, expected: Heard) -> None:
    """Raise if a limit lets a longer message pass, or stops a shorter one."""
    count = len(limited.messages)
    assert limited.messages == expected.messages[:count]
    assert all(len(payload) <= LIMIT for payload, _ in limited.messages)
    if limited.end[0] != "ResponseTooLarge":
        assert limited == expected
    elif count < len(expected.messages):
        assert len(expected.messages[count][0]) > LIMIT


def heard(pieces: list[bytes], most: int | None) -> Heard:
    """Give what Pynector's connection hears."""
    line = Line(max_message_bytes=most).opened()
    for piece in pieces:
        if not line.wire.aborted:
            line.link.data_received(piece)
    if not line.wire.aborted:
        line.connection.eof_received()
    line.link.connection_lost(None)
    error = line.connection.loss("full")
    replies = line.frames()
    code = error.code if isinstance(error, WebSocketClosed) else _code(replies)
    messages = [(message.content, message.is_text) for message in line.heard]
    return Heard(messages, _without_reasons(replies), (type(error).__name__, code))


def of_websockets(data: bytes) -> Heard:
    """Give what websockets hears, as RFC 6455 has a client hear it."""
    wrong = refused(data)
    protocol = Protocol(side=Side.CLIENT, state=State.OPEN, max_size=None)
    # It would wait for the rest of a frame that cannot be right.
    protocol.receive_data(data if wrong is None else data[: wrong[0]])
    seen = Heard()
    parts: list[bytes] = []
    is_text = False
    end = None
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode is Opcode.PING:
            seen.replies.append((Opcode.PONG, bytes(frame.data)))
        elif frame.opcode is Opcode.CLOSE:
            assert protocol.close_rcvd is not None
            code = protocol.close_rcvd.code
            seen.replies.append((Opcode.CLOSE, bytes(frame.data)[:2]))
            end = (WebSocketClosed.__name__, code)
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            is_text = frame.opcode is Opcode.TEXT if frame.opcode is not Opcode.CONT else is_text
            parts.append(bytes(frame.data))
            if frame.fin:
                payload, parts = b"".join(parts), []
                if is_text and not _is_utf8(payload):
                    end = (ProtocolError.__name__, 1007)
                    break
                seen.messages.append((payload, is_text))
    if end is None and protocol.parser_exc is not None:
        assert protocol.close_sent is not None
        end = (ProtocolError.__name__, protocol.close_sent.code)
    elif end is None and wrong is not None:
        end = ((ResponseTooLarge if wrong[1] == 1009 else ProtocolError).__name__, wrong[1])
    if end is not None and end[0] != WebSocketClosed.__name__:
        seen.replies.append((Opcode.CLOSE, end[1].to_bytes(2, "big")))
    seen.end = end or (WebSocketClosed.__name__, 1006)
    return seen


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _code(replies: list[tuple[Opcode, bytes]]) -> int:
    return int.from_bytes(replies[-1][1][:2], "big") if replies else 0


def _without_reasons(replies: list[tuple[Opcode, bytes]]) -> list[tuple[Opcode, bytes]]:
    return [(opcode, data[:2] if opcode is Opcode.CLOSE else data) for opcode, data in replies]
