"""Requests over connections of the test's own: where they go, what waits, and whose an answer is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from pynector.transport.websocket.channel import ChannelCore
from pynector.transport.websocket.multiplexer import SwitchboardCore
from pynector.transport.websocket.pending import FifoMatcher, Pending


class Wire:
    """A transport that keeps the frames it is given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return False


class Channel(ChannelCore):
    """A connection whose frames are never sent by themselves."""

    def __init__(self, board: Board, most_in_flight: int = -1) -> None:
        super().__init__(
            board, FifoMatcher(), lambda: 0.0, lambda call: None, lambda: os.urandom(8), -1, most_in_flight
        )
        self.transport = Wire()
        self.is_open = self.is_plain = True
        self.left: list[bytes] = []
        self.refused: list[bytes] = []

    def leave(self, data: bytes) -> None:
        self.left.append(data)

    def refuse_text(self, payload: bytes) -> None:
        self.refused.append(payload)

    def framed(self, pending: Pending) -> list[bytes]:
        return [b"framed ", pending.payload]

    def answer(self, payload: bytes) -> None:
        self.data_received(bytes((0x82, len(payload))) + payload)


class Board(SwitchboardCore):
    """Takes dicts of a request's attributes as data, beside what its core takes itself."""

    def __init__(self, *limits: int, wanted: int | None = None) -> None:
        super().__init__(lambda: 0.0, self.call_at, len(limits) if wanted is None else wanted)
        self.set_plain(True, False, False)
        self.missed = 0
        self.news: list[bytes] = []
        self.timers: list[Any] = []
        for limit in limits:
            self.channels.append(Channel(self, limit))

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

    def pushed(self, payload: bytes, is_text: bool) -> None:
        self.news.append(payload)

    def unwanted(self) -> None:
        pass

    def complain(self, said: str, error: Exception) -> None:
        self.news.append(str(error).encode())

    def response(self, payload: bytes, is_text: bool) -> Any:
        return (payload, is_text)

    def closed_error(self, pending: Pending) -> Exception:
        return RuntimeError("closed")

    def late_error(self, pending: Pending) -> Exception:
        return RuntimeError("late")


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
    return board.submit(data, options, 9.0, answers, token)


def test_answers_find_their_requests_and_the_least_loaded_connection_is_taken() -> None:
    board, answers = Board(-1, -1), Answers()
    first, second = board.channels
    for token in range(5):
        submit(board, answers, token)
    assert (first.matcher.size(), second.matcher.size()) == (3, 2)
    second.answer(b"1")
    first.answer(b"0")
    second.answer(b"3")
    submit(board, answers, 5)
    assert (first.matcher.size(), second.matcher.size()) == (2, 1)
    second.answer(b"5")
    assert answers.got == [(1, b"1"), (0, b"0"), (3, b"3"), (5, b"5")]


def test_what_cannot_be_sent_waits_in_order_and_goes_when_it_can() -> None:
    board, answers = Board(2), Answers()
    (channel,) = board.channels
    handles = [submit(board, answers, token) for token in range(6)]
    assert (channel.matcher.size(), len(board._waiting)) == (2, 4)
    assert board.missed == 4
    handles[3].cancel()
    assert len(board._waiting) == 3
    for token in (0, 1, 2, 4, 5):
        channel.answer(b"%d" % token)
    assert answers.got == [(token, b"%d" % token) for token in (0, 1, 2, 4, 5)]


def test_a_peer_that_does_not_read_holds_requests_back() -> None:
    board, answers = Board(-1), Answers()
    (channel,) = board.channels
    channel.pause_writing()
    submit(board, answers, 0)
    assert channel.matcher.size() == 0
    channel.resume_writing()
    assert channel.matcher.size() == 1


def test_one_that_was_given_up_keeps_its_place_and_its_answer_is_late() -> None:
    board, answers = Board(-1), Answers()
    (channel,) = board.channels
    submit(board, answers, 0).cancel()
    submit(board, answers, 1)
    channel.answer(b"late")
    channel.answer(b"1")
    channel.answer(b"news")
    assert (answers.got, board.late, board.news) == ([(1, b"1")], 1, [b"news"])


def test_a_deadline_ends_it_and_the_next_may_go() -> None:
    board, answers = Board(1), Answers()
    submit(board, answers, 0)
    submit(board, answers, 1)
    pending = next(iter(board._waiting))
    board.ended_late(pending)
    assert answers.got == [(1, "late")]
    assert not board._waiting


def test_answers_may_be_more_than_bytes_or_errors() -> None:
    board, answers = Board(-1), Answers()
    (channel,) = board.channels
    submit(board, answers, 0, {}, as_response=True)
    submit(board, answers, 1, {"payload": b"a"}, error=ValueError("said so"))
    channel.answer(b"0")
    channel.answer(b"1")
    assert answers.got == [(0, (b"0", False)), (1, "said so")]


def test_one_way_it_ends_when_it_is_sent() -> None:
    board, answers = Board(-1), Answers()
    assert submit(board, answers, 0, {"payload": b"a"}, one_way=True) is None
    assert answers.got == [(0, None)]
    assert board.channels[0].matcher.size() == 0


def test_what_cannot_be_prepared_fails_alone() -> None:
    board, answers = Board(-1), Answers()
    assert submit(board, answers, 0, "\ud800") is None
    assert submit(board, answers, 1) is not None
    assert answers.got == [(0, "not this one")]


def test_nothing_is_sent_nor_taken_after_the_end() -> None:
    board, answers = Board(-1), Answers()
    board.closed = True
    submit(board, answers, 0)
    board.channels[0].answer(b"news")
    assert (answers.got, board.news) == ([(0, "closed")], [])


def test_a_matcher_that_fails_makes_it_news() -> None:
    class Confused(FifoMatcher):
        def match(self, payload: bytes, is_text: bool) -> Any:
            raise ValueError("who?")

    board = Board(-1)
    channel = ChannelCore(board, Confused(), lambda: 0.0, lambda call: None, lambda: b"1234", -1, -1)
    board.message(channel, b"x", False)
    assert board.news == [b"who?", b"x"]


def test_fewer_connections_than_there_should_be_are_told_of() -> None:
    board, answers = Board(-1, wanted=2), Answers()
    submit(board, answers, 0)
    assert (board.missed, board.channels[0].matcher.size()) == (1, 1)


def test_a_completion_may_submit_the_next_at_once() -> None:
    board, answers = Board(1), Answers()
    answers.then = lambda: len(answers.got) < 1000 and submit(board, answers, len(answers.got))
    submit(board, answers, 0)
    (channel,) = board.channels
    channel.data_received(b"\x82\x01a" * 1000)
    assert answers.got == [(token, b"a") for token in range(1000)]
    # All that was submitted meanwhile went out in one write.
    channel.flush()
    assert len(channel.transport.written) == 1


def test_each_frame_has_a_key_of_its_own() -> None:
    board, answers = Board(-1), Answers()
    (channel,) = board.channels
    for token in range(9):
        submit(board, answers, token, "")
    channel.flush()
    (written,) = channel.transport.written
    frames = {written[start : start + 6] for start in range(0, len(written), 6)}
    assert len(frames) == 9
    assert all(frame.startswith(b"\x81\x80") for frame in frames)


def test_where_an_extension_frames_messages_it_does() -> None:
    board, answers = Board(-1), Answers()
    (channel,) = board.channels
    channel.is_plain = False
    submit(board, answers, 0, "hello")
    channel.flush()
    assert channel.transport.written == [b"framed hello"]


@pytest.mark.parametrize("payload", [b"\xff", b"\xed\xa0\x80", "\u00fc".encode()[:1]])
def test_text_that_is_none_is_refused(payload: bytes) -> None:
    (channel,) = Board(-1).channels
    channel.data_received(bytes((0x81, len(payload))) + payload)
    assert channel.refused == [payload]


def test_what_is_not_plain_is_left_as_whole_frames() -> None:
    board = Board(-1)
    (channel,) = board.channels
    ping, fragment, message = b"\x89\x01p", b"\x01\x01f", b"\x82\x01m"
    for byte in ping + fragment + message:
        channel.data_received(bytes((byte,)))
    assert (channel.left, board.news) == ([ping, fragment], [b"m"])
    channel.is_within = True
    channel.data_received(message)
    assert channel.left == [ping, fragment, message]


def test_the_places_of_the_first_in_first_out() -> None:
    matcher = FifoMatcher()
    pendings = [Pending(None, 0.0, object(), token) for token in range(3)]
    for pending in pendings:
        matcher.add(pending)
    assert not matcher.is_stuck()
    for pending in pendings:
        pending.completion = None
        matcher.give_up(pending)
    assert matcher.is_stuck()
    assert matcher.match(b"", False) is pendings[0]
    assert matcher.size() == 2
    assert matcher.is_stuck()
    assert matcher.drain() == pendings[1:]
    assert matcher.match(b"", False) is None
    assert matcher.is_stuck()
