"""Requests over connections of the test's own: where they go, what waits, and whose an answer is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from pynector import ConfigurationError, TimeoutError
from pynector.transport.websocket import Message
from pynector.transport.websocket.connection import Connection
from pynector.transport.websocket.frames import FrameWriter
from pynector.transport.websocket.matchers import KeyMatcher, Matcher, Reading
from pynector.transport.websocket.multiplexer import Multiplexer
from pynector.transport.websocket.pending import Pending


class Wire:
    """A transport that keeps the frames it is given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return False


class Protocol:
    """Keeps what is left to it."""

    is_within = False

    def __init__(self, is_plain: bool = True) -> None:
        self.is_plain = is_plain
        self.left: list[bytes] = []
        self.refused = 0

    def is_over(self) -> bool:
        return False

    def is_ending(self) -> bool:
        return False

    def to_send(self) -> list[bytes]:
        return []

    def messages(self, data: bytes) -> list[tuple[bytes, bool]]:
        self.left.append(data)
        return []

    def refuse_text(self) -> None:
        self.refused += 1

    def error(self, sent: str) -> Exception:
        return RuntimeError(f"lost {sent}")

    def framed(self, payload: bytes, is_text: bool) -> list[bytes]:
        return [b"framed ", payload]


class Unwatched:
    """What watches over nobody."""

    def begin(self, connection: Connection) -> None:
        pass


class Board:
    """The owner of connections whose frames are never sent by themselves, and of the requests on them.

    Data are dicts of a request's attributes, beside what the multiplexer takes itself.
    """

    def __init__(self, *limits: int, wanted: int | None = None, matcher: Any = None, is_plain: bool = True) -> None:
        number = len(limits) if wanted is None else wanted
        self.requests = Multiplexer(self, self.prepare, self.complain, self.time, self.call_at, number, 3)
        self.requests.set_defaults(True, False, False)
        self.missed = 0
        self.news: list[bytes] = []
        self.timers: list[Any] = []
        self.wires = [Wire() for _ in limits]
        for limit, wire in zip(limits, self.wires, strict=True):
            # Each is given a plain object for the rest of what it needs.
            connection = Connection(
                self,
                self.requests,
                matcher or Matcher(),
                FrameWriter(wire, lambda call: None, lambda: os.urandom(8)),
                Protocol(is_plain),
                Unwatched(),
                None,
                self,
                -1,
                limit,
                0,
            )
            self.requests.connections.append(connection)

    @property
    def connections(self) -> list[Connection]:
        return self.requests.connections

    def time(self) -> float:
        return 0.0

    def call_at(self, when: float, call: Any) -> Any:
        self.timers.append((when, call))
        return Timer()

    def prepare(self, pending: Pending, data: Any, options: Any) -> None:
        if data == "\ud800":
            raise ValueError("not this one")
        for name, value in {**data, **options}.items():
            setattr(pending, name, value)

    def lacking(self) -> None:
        self.missed += 1

    def unwanted(self) -> None:
        pass

    def pushed(self, payload: bytes, is_text: bool) -> None:
        self.news.append(payload)

    def complain(self, said: str, error: Exception) -> None:
        self.news.append(str(error).encode())


def answer(connection: Connection, payload: bytes) -> None:
    connection.data_received(bytes((0x82, len(payload))) + payload)


class Timer:
    def cancel(self) -> None:
        pass


class Answers:
    """A completion that may submit more when it is called."""

    def __init__(self) -> None:
        self.got: list[tuple[int, Any]] = []
        self.then: Any = None

    def succeed(self, token: int, answer: Any) -> None:
        self.got.append((token, str(answer) if isinstance(answer, Exception) else answer))
        if self.then is not None:
            self.then()

    fail = succeed


def submit(board: Board, answers: Answers, token: int, data: Any = "x", **options: Any) -> Any:
    return board.requests.submit(data, options, 9.0, answers, token)


def test_answers_find_their_requests_and_the_least_loaded_connection_is_taken() -> None:
    board, answers = Board(-1, -1), Answers()
    first, second = board.connections
    for token in range(5):
        submit(board, answers, token)
    assert (first.owed(), second.owed()) == (3, 2)
    answer(second, b"1")
    answer(first, b"0")
    answer(second, b"3")
    submit(board, answers, 5)
    assert (first.owed(), second.owed()) == (2, 1)
    answer(second, b"5")
    assert answers.got == [(1, b"1"), (0, b"0"), (3, b"3"), (5, b"5")]


def test_what_cannot_be_sent_waits_in_order_and_goes_when_it_can() -> None:
    board, answers = Board(2), Answers()
    (connection,) = board.connections
    handles = [submit(board, answers, token) for token in range(6)]
    assert (connection.owed(), len(board.requests.waiting)) == (2, 4)
    assert board.missed == 4
    handles[3].cancel()
    assert len(board.requests.waiting) == 3
    for token in (0, 1, 2, 4, 5):
        answer(connection, b"%d" % token)
    assert answers.got == [(token, b"%d" % token) for token in (0, 1, 2, 4, 5)]


def test_a_peer_that_does_not_read_holds_requests_back() -> None:
    board, answers = Board(-1), Answers()
    (connection,) = board.connections
    connection.pause_writing()
    submit(board, answers, 0)
    assert connection.owed() == 0
    connection.resume_writing()
    assert connection.owed() == 1


def test_one_that_was_given_up_keeps_its_place_and_its_answer_is_late() -> None:
    board, answers = Board(-1), Answers()
    (connection,) = board.connections
    submit(board, answers, 0).cancel()
    submit(board, answers, 1)
    answer(connection, b"late")
    answer(connection, b"1")
    answer(connection, b"news")
    assert (answers.got, board.requests.late, board.news) == ([(1, b"1")], 1, [b"news"])


def test_a_deadline_ends_it_and_the_next_may_go() -> None:
    board, answers = Board(1), Answers()
    submit(board, answers, 0)
    submit(board, answers, 1)
    pending = next(iter(board.requests.waiting))
    board.requests.ended_late(pending)
    assert answers.got == [(1, str(TimeoutError(phase="connect", sent="none")))]
    assert not board.requests.waiting


def test_answers_may_be_more_than_bytes_or_errors() -> None:
    board, answers = Board(-1), Answers()
    (connection,) = board.connections
    submit(board, answers, 0, {}, as_response=True)
    submit(board, answers, 1, {"payload": b"a"}, error=ValueError("said so"))
    answer(connection, b"0")
    answer(connection, b"1")
    assert answers.got == [(0, Message(b"0", False)), (1, "said so")]


def test_one_way_it_ends_when_it_is_sent() -> None:
    board, answers = Board(-1), Answers()
    assert submit(board, answers, 0, {"payload": b"a"}, one_way=True) is None
    assert answers.got == [(0, None)]
    assert board.connections[0].owed() == 0


def test_what_cannot_be_prepared_fails_alone() -> None:
    board, answers = Board(-1), Answers()
    assert submit(board, answers, 0, "\ud800") is None
    assert submit(board, answers, 1) is not None
    assert answers.got == [(0, "not this one")]


def test_nothing_is_sent_nor_taken_after_the_end() -> None:
    board, answers = Board(1), Answers()
    submit(board, answers, 0)
    submit(board, answers, 1)
    assert [pending.token for pending in board.requests.close()] == [1]
    assert not board.requests.waiting
    board.connections[0].is_open = False
    submit(board, answers, 2)
    answer(board.connections[0], b"news")
    assert (answers.got, board.news) == ([(2, "the client was closed before the answer came")], [])


def test_a_matcher_that_fails_makes_it_news() -> None:
    def confused(payload: bytes, is_text: bool) -> Reading:
        raise ValueError("who?")

    board = Board(-1, matcher=KeyMatcher(confused, set()))
    answer(board.connections[0], b"x")
    assert board.news == [b"who?", b"x"]


def test_fewer_connections_than_there_should_be_are_told_of() -> None:
    board, answers = Board(-1, wanted=2), Answers()
    submit(board, answers, 0)
    assert (board.missed, board.connections[0].owed()) == (1, 1)


def test_a_completion_may_submit_the_next_at_once() -> None:
    board, answers = Board(1), Answers()
    answers.then = lambda: len(answers.got) < 1000 and submit(board, answers, len(answers.got))
    submit(board, answers, 0)
    (connection,) = board.connections
    connection.data_received(b"\x82\x01a" * 1000)
    assert answers.got == [(token, b"a") for token in range(1000)]
    # All that was submitted meanwhile went out in one write.
    connection.writer.flush()
    assert len(board.wires[0].written) == 1


def test_each_frame_has_a_key_of_its_own() -> None:
    board, answers = Board(-1), Answers()
    (connection,) = board.connections
    for token in range(9):
        submit(board, answers, token, "")
    connection.writer.flush()
    (written,) = board.wires[0].written
    frames = {written[start : start + 6] for start in range(0, len(written), 6)}
    assert len(frames) == 9
    assert all(frame.startswith(b"\x81\x80") for frame in frames)


def test_where_an_extension_frames_messages_it_does() -> None:
    board, answers = Board(-1, is_plain=False), Answers()
    (connection,) = board.connections
    submit(board, answers, 0, "hello")
    connection.writer.flush()
    assert board.wires[0].written == [b"framed hello"]


@pytest.mark.parametrize("payload", [b"\xff", b"\xed\xa0\x80", "\u00fc".encode()[:1]])
def test_text_that_is_none_is_refused(payload: bytes) -> None:
    (connection,) = Board(-1).connections
    connection.data_received(bytes((0x81, len(payload))) + payload)
    assert connection.protocol.refused == 1


def test_what_is_not_plain_is_left_as_whole_frames() -> None:
    board = Board(-1)
    (connection,) = board.connections
    ping, fragment, message = b"\x89\x01p", b"\x01\x01f", b"\x82\x01m"
    for byte in ping + fragment + message:
        connection.data_received(bytes((byte,)))
    assert (connection.protocol.left, board.news) == ([ping, fragment], [b"m"])
    connection.protocol.is_within = True
    connection.data_received(ping + message)
    assert connection.protocol.left == [ping, fragment, ping, message]


def test_what_a_lost_connection_leaves_fails_or_goes_again_in_its_order() -> None:
    board, answers = Board(-1, -1), Answers()
    first, second = board.connections
    second.pause_writing()
    for token, idempotent in enumerate((True, False, True)):
        submit(board, answers, token, {"payload": b"%d" % token}, idempotent=idempotent)
    first.pause_writing()
    waits = submit(board, answers, 3)
    board.requests.drop(first)
    assert (answers.got, board.connections) == ([(1, "lost full")], [second])
    assert [pending.token for pending in board.requests.waiting] == [0, 2, 3]
    waits.cancel()
    second.resume_writing()
    assert second.owed() == 2


def test_requests_by_key_share_their_keys() -> None:
    taken: set[Any] = set()
    first, second = (KeyMatcher(lambda payload, is_text: Reading(payload, None, is_text), taken) for _ in range(2))
    pending, twin = (Pending(None, 0.0, object(), token) for token in range(2))
    pending.key = twin.key = b"k"
    first.add(pending)
    with pytest.raises(ConfigurationError, match="in flight already"):
        second.add(twin)
    # What is sent again has its key already.
    second.add(pending)
    assert second.match(b"k", False) is pending
    assert second.match(b"k", True) is None
    late = second.match(b"k", False)
    assert (late.completion, late.was_sent) == (None, False)


def test_the_places_of_the_first_in_first_out() -> None:
    matcher = Matcher()
    pendings = [Pending(None, 0.0, object(), token) for token in range(3)]
    for pending in pendings:
        matcher.add(pending)
    assert not matcher.is_stuck()
    for pending in pendings:
        pending.completion = None
        matcher.give_up(pending)
    assert matcher.is_stuck()
    assert matcher.match(b"", False) is pendings[0]
    assert len(matcher.held()) == 2
    assert matcher.is_stuck()
    assert matcher.drain() == pendings[1:]
    assert matcher.match(b"", False) is None
    assert matcher.is_stuck()
