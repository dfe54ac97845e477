"""One connection on a transport of the test's own: whatever pieces the bytes come in, they mean the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode

from pynector import ConnectError, ProtocolError, PynectorError, ResponseTooLarge
from pynector.transport.websocket import Message
from wslines import Answers, Line, frame

quick = settings(max_examples=150)


STREAM = b"".join(
    [
        frame(Opcode.TEXT, b"one"),
        frame(Opcode.BINARY, b"\x00" * 300),
        frame(Opcode.PING, b"p"),
        frame(Opcode.TEXT, "\u00fc".encode()[:1], fin=False),
        frame(Opcode.PING, b"q"),
        frame(Opcode.CONT, "\u00fc".encode()[1:]),
        frame(Opcode.BINARY, b"z" * 70_000),
        frame(Opcode.TEXT, b""),
        frame(Opcode.CLOSE, b"\x03\xe8bye"),
    ]
)
MESSAGES = [
    Message(b"one", True),
    Message(b"\x00" * 300, False),
    Message("\u00fc".encode(), True),
    Message(b"z" * 70_000, False),
    Message(b"", True),
]
REPLIES = [(Opcode.PONG, b"p"), (Opcode.PONG, b"q"), (Opcode.CLOSE, b"\x03\xe8bye")]


def check_pieces(line: Line, data: bytes, cuts: list[int]) -> None:
    start = 0
    for cut in [*sorted(cuts), len(data)]:
        line.link.data_received(data[start:cut])
        start = cut
    assert line.heard == MESSAGES
    assert line.frames() == REPLIES
    line.link.connection_lost(None)
    error = line.connection.loss("full")
    assert (getattr(error, "code", None), getattr(error, "reason", None)) == (1000, "bye")


@quick
@given(st.data())
def test_the_pieces_do_not_matter(data: Any) -> None:
    line = Line()
    stream = line.welcome() + STREAM
    near = st.integers(0, 600) | st.integers(0, len(stream))
    check_pieces(line, stream, data.draw(st.lists(near, max_size=12)))


def test_a_frame_may_begin_in_the_piece_that_ends_the_handshake() -> None:
    length = len(Line().welcome())
    for cut in range(length - 6, length + 320):
        line = Line()
        check_pieces(line, line.welcome() + STREAM, [cut])


def test_a_byte_at_a_time() -> None:
    line = Line()
    stream = line.welcome() + STREAM
    check_pieces(line, stream, [*range(600), *range(len(stream) - 30, len(stream))])


@quick
@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_arbitrary_bytes_are_messages_or_one_error(data: bytes, cuts: list[int]) -> None:
    line = Line(max_message_bytes=1_000).opened()
    answers = Answers()
    for token in range(100):
        line.pool.requests.submit("x", {}, 9.0, answers, token)
    start = 0
    for cut in [*sorted(cuts), len(data)]:
        if not line.wire.aborted:
            line.link.data_received(data[start:cut])
        start = cut
    line.link.connection_lost(None)
    assert sorted(answers.got) == list(range(100))
    good = [token for token, answer in answers.got.items() if isinstance(answer, bytes)]
    assert good == list(range(len(good)))
    assert all(isinstance(answers.got[token], PynectorError) for token in range(len(good), 100))
    assert not line.pool.requests.connections


def test_a_response_that_is_no_handshake_is_refused_however_long_it_goes_on() -> None:
    line = Line()
    line.link.data_received(b"HTTP/1.1 404 Not Found\r\nContent-Length: 400000\r\n\r\n")
    line.link.data_received(b"\r\n\r\n" * 100_000)
    with pytest.raises(ConnectError, match="status 404"):
        line.handshake.outcome()
    assert line.wire.aborted


def test_what_comes_after_the_client_was_closed_is_nobodys() -> None:
    line = Line().opened()
    answers = Answers()
    line.pool.requests.submit("late", {}, 9.0, answers, 0)
    line.pool.requests.closed = True
    line.connection.matcher.drain()
    line.connection.close()
    line.link.data_received(frame(Opcode.TEXT, b"late"))
    assert line.heard == []


def test_what_is_sent_in_one_turn_goes_out_in_one_write_unless_it_is_much() -> None:
    line = Line().opened()
    answers = Answers()
    for token in range(100):
        line.pool.requests.submit(f"{token}", {}, 9.0, answers, token)
    assert line.wire.writes == 1
    (flush,) = line.loop.calls
    flush()
    assert line.wire.writes == 2
    assert line.frames() == [(Opcode.TEXT, b"%d" % token) for token in range(100)]
    for token in range(100, 105):
        line.pool.requests.submit(b"z" * 40_000, {}, 9.0, answers, token)
    # Or a transport that is full could not say so in time.
    assert line.wire.writes == 4


def test_a_peer_that_does_not_read_is_sent_one_pong_later_and_not_each_at_once() -> None:
    line = Line().opened()
    line.link.pause_writing()
    line.link.data_received(b"".join(frame(Opcode.PING, b"%d" % n) for n in range(1000)))
    assert line.wire.written == b""
    line.link.resume_writing()
    assert line.frames() == [(Opcode.PONG, b"999")]


def test_pings_that_come_together_are_answered_in_one_write() -> None:
    line = Line().opened()
    writes = line.wire.writes
    line.link.data_received(b"".join(frame(Opcode.PING, b"%d" % n) for n in range(100)))
    assert line.wire.writes == writes + 1
    assert line.frames() == [(Opcode.PONG, b"%d" % n) for n in range(100)]


def test_a_late_answer_of_a_connection_that_was_replaced_is_nobodys() -> None:
    """A transport that is aborted may still give what it has."""
    line = Line(max_in_flight=1).opened()
    line.loop.may_spawn = True
    line.pool.requests.submit("a", {}, 9.0, Answers(), 0).cancel()
    line.pool.requests.submit("b", {}, 9.0, Answers(), 1)
    assert line.wire.aborted
    line.link.data_received(frame(Opcode.TEXT, b"a") + frame(Opcode.TEXT, b"b", fin=False))
    assert line.heard == []


def test_a_ping_that_is_too_long_is_wrong_even_then() -> None:
    line = Line().opened()
    answers = Answers()
    line.pool.requests.submit("x", {}, 9.0, answers, 0)
    line.link.pause_writing()
    line.link.data_received(b"\x89\x7e\x00\x7e" + b"x" * 126)
    line.link.connection_lost(None)
    assert isinstance(answers.got[0], ProtocolError)


@pytest.mark.parametrize("cut", [1, 2, 3, 9, 10, 60])
@pytest.mark.parametrize(
    ("data", "most", "code"),
    [
        (b"\x82\x7f\x80" + b"\x00" * 7, None, 1002),
        (b"\x82\x7f\x7f" + b"\xff" * 7, None, 1009),
        (b"\x8a\x7e\x00\x7e", None, 1002),
        (b"\x8a\x7e\xff\xff", 1, 1002),
        (b"\x82\x7f\x80" + b"\x00" * 7, 1, 1002),
        (b"\x83\x10", None, 1002),
        (b"\x81\x80", None, 1002),
        (b"\x81\x7d", 1, 1009),
        (b"\x81\x02xy", 1, 1009),
        (b"\x01\x01x\x80\x01y", 1, 1009),
    ],
)
def test_what_no_peer_may_send_is_refused_before_the_rest_of_it_comes(
    data: bytes, most: int | None, code: int, cut: int
) -> None:
    line = Line(max_message_bytes=most).opened()
    answers = Answers()
    line.pool.requests.submit("x", {}, 9.0, answers, 0)
    for piece in (data[:cut], data[cut:], b"\x81\x01z", b"\x81\x01z"):
        if piece:
            line.link.data_received(piece)
    assert isinstance(answers.got[0], ProtocolError if code == 1002 else ResponseTooLarge)
    assert line.frames()[-1][0] is Opcode.CLOSE
    assert int.from_bytes(line.frames()[-1][1][:2], "big") == code
    assert line.heard == []


def test_control_frames_may_be_longer_than_messages() -> None:
    line = Line(max_message_bytes=1).opened()
    line.link.data_received(frame(Opcode.PING, b"hello") + frame(Opcode.TEXT, b"x"))
    line.link.data_received(frame(Opcode.CLOSE, b"\x03\xf0not you"))
    assert line.heard == [Message(b"x", True)]
    assert line.frames() == [(Opcode.PONG, b"hello"), (Opcode.CLOSE, b"\x03\xf0not you")]


def test_a_peer_that_goes_on_after_the_end_is_not_waited_for_the_longer() -> None:
    line = Line().opened()
    line.link.data_received(frame(Opcode.CLOSE, b"\x03\xe8"))
    timers = line.loop.timers
    for _ in range(10):
        line.link.data_received(b"and so on")
    assert line.loop.timers == timers


def test_an_answer_that_nobody_asked_for_proves_nothing() -> None:
    line = Line(correlation="id").opened()
    line.link.data_received(frame(Opcode.TEXT, b'{"id": 7, "result": 0}'))
    assert (line.pool.requests.late, line.connection.is_proven) == (1, False)
    line.pool.requests.submit({"id": 7}, {}, 9.0, Answers(), 0)
    line.link.data_received(frame(Opcode.TEXT, b'{"id": 7, "result": 0}'))
    assert line.connection.is_proven


def test_a_request_of_the_peers_own_is_no_answer_though_its_id_is_ours() -> None:
    line = Line(correlation="id").opened()
    answers = Answers()
    line.pool.requests.submit({"jsonrpc": "2.0", "method": "add"}, {}, 9.0, answers, 0)
    asked, answer = b'{"jsonrpc":"2.0","id":1,"method":"ask"}', b'{"jsonrpc":"2.0","id":1.0,"result":3}'
    line.link.data_received(frame(Opcode.TEXT, asked) + frame(Opcode.TEXT, answer))
    assert line.heard == [Message(asked, True)]
    assert answers.got == {0: answer}


def test_a_ping_in_the_middle_takes_nothing_of_a_messages_limit() -> None:
    line = Line(max_message_bytes=1000).opened()
    line.link.data_received(frame(Opcode.BINARY, b"x" * 990, fin=False) + frame(Opcode.PING, b"p" * 100))
    line.link.data_received(frame(Opcode.CONT, b"x" * 10))
    assert line.heard == [Message(b"x" * 1000, False)]
    line.link.data_received(frame(Opcode.BINARY, b"x" * 990, fin=False) + frame(Opcode.CONT, b"x" * 11))
    assert line.frames()[-1][1][:2] == (1009).to_bytes(2, "big")


def test_what_follows_a_frame_that_no_peer_may_send_is_not_heard() -> None:
    line = Line(max_message_bytes=1000).opened()
    line.link.data_received(frame(Opcode.BINARY, b"x" * 1001) + frame(Opcode.PING, b"p"))
    assert [(opcode, data[:2]) for opcode, data in line.frames()] == [(Opcode.CLOSE, (1009).to_bytes(2, "big"))]


def test_a_connection_that_is_paused_when_its_peer_closes_is_read_to_its_end() -> None:
    line = Line().opened()
    line.connection.pause()
    line.link.data_received(frame(Opcode.CLOSE, b"\x03\xe8"))
    assert line.wire.reading


class Hasty(Answers):
    """One that gives up another request when its own fails."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Any] = []

    def fail(self, token: int, error: Any) -> None:
        self.succeed(token, error)
        for other in self.others:
            other.cancel()


def test_what_is_given_up_while_a_connection_is_lost_is_not_sent_again() -> None:
    line = Line().opened()
    answers = Hasty()
    hasty = line.pool.requests.submit("a", {"idempotent": True}, 9.0, answers, 0)
    line.pool.requests.submit("b", {}, 9.0, answers, 1)
    patient = line.pool.requests.submit("c", {"idempotent": True}, 9.0, answers, 2)
    answers.others = [hasty]
    line.loop.may_spawn = True
    line.link.connection_lost(None)
    assert list(answers.got) == [1]
    assert list(line.pool.requests.waiting) == [patient]
    assert patient.payload == b"c"


def test_what_has_ended_keeps_no_message() -> None:
    """Its deadline may be far away."""
    line = Line().opened()
    answers = Answers()
    sent = [line.pool.requests.submit("x", {"idempotent": True}, 9.0, answers, token) for token in range(2)]
    line.link.data_received(frame(Opcode.TEXT, b"x"))
    assert [pending.payload for pending in sent] == [b"", b"x"]
    line.pool.requests.closed = True
    sent[1].fail(ProtocolError("no"))
    assert sent[1].payload == b""


def test_a_connection_that_is_paused_is_read_again_to_be_closed() -> None:
    line = Line().opened()
    line.connection.pause()
    line.connection.pause()
    assert not line.wire.reading
    line.connection.close()
    assert line.wire.reading
    assert line.frames() == [(Opcode.CLOSE, b"\x03\xe8")]


@pytest.mark.parametrize("connections", [1, 3])
def test_a_message_goes_where_the_least_is_in_flight(connections: int) -> None:
    line = Line(connections=connections)
    others = [Line(line.pool) for _ in range(connections - 1)]
    line.opened()
    for other in others:
        other.opened()
    for token in range(30):
        line.pool.requests.submit("x", {}, 9.0, Answers(), token)
    assert [connection.owed() for connection in line.pool.requests.connections] == [30 // connections] * connections
