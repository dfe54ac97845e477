"""The adaptive window against a model of a server, on a fake clock.

The model: each request takes `latency` seconds, give or take a fifth. So many are served at a time as its knee is, and
the others wait in its queue, first come, first served. All times are in units of what a request takes at 50 ms, so that
ten seconds of a server that takes 1 s are 200 s.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynector._speedups.adaptive import AdaptiveWindow

LATENCY = 0.05
BEFORE = -1.0


def jitter(chance: random.Random) -> float:
    return chance.uniform(0.8, 1.2)


class Server:
    """A server, a client that keeps its window full, and what that was over time.

    Args:
        window: The client's.
        latency: Seconds a request takes.
        source: The most requests that there ever are.

    Attributes:
        spread: Draws by what a request's time differs from `latency`.
        others: How many requests of other clients there are at a time.
    """

    def __init__(self, window: AdaptiveWindow, latency: float = LATENCY, source: int = 10**6, seed: int = 17) -> None:
        self.window = window
        self.latency = latency
        self.source = source
        self.knee = 50
        self.refuses = 0.0
        self.now = 0.0
        self.in_flight = 0
        self.answers = 0
        self.history: list[tuple[float, int]] = [(0.0, window.limit)]
        self._chance = random.Random(seed)
        self.spread: Callable[[random.Random], float] = jitter
        self.others = 0
        # When those began that wait; those of others are BEFORE.
        self._queue: deque[float] = deque()
        self._served = 0
        self._others = 0
        self._events: list[tuple[float, int, float, bool]] = []
        self._number = 0

    def run(self, seconds: float, knee: int = 50, refuses: float = 0.0) -> None:
        """Go on for some seconds of a server that takes 50 ms; it refuses such a share of requests at once."""
        self.knee, self.refuses = knee, refuses
        end = self.now + seconds * self.latency / LATENCY
        while self.now < end:
            self._fill()
            self.now, _, began, refused = heapq.heappop(self._events)
            if began == BEFORE:
                self._served -= 1
                self._others -= 1
                continue
            before = self.window.limit
            changed = self.window.ended(self.now - began, self.in_flight, refused, self.now)
            assert changed is (self.window.limit != before)
            if changed:
                self.history.append((self.now, self.window.limit))
            self.in_flight -= 1
            if not refused:
                self._served -= 1
                self.answers += 1

    def _fill(self) -> None:
        while self.in_flight < min(self.window.limit, self.source):
            self.in_flight += 1
            if self._chance.random() < self.refuses:
                self._later(self.latency / 50, self.now, True)
            else:
                self._queue.append(self.now)
        while self._others < self.others:
            self._others += 1
            self._queue.append(BEFORE)
        while self._queue and self._served < self.knee:
            self._served += 1
            self._later(self.latency * self.spread(self._chance), self._queue.popleft(), False)

    def _later(self, seconds: float, began: float, refused: bool) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.now + seconds, self._number, began, refused))

    def mean(self, seconds: float) -> float:
        """Return the mean window over the last seconds."""
        parts = self.parts(seconds)
        return sum(length * limit for length, limit in parts) / sum(length for length, _ in parts)

    def share_near(self, knee: int, seconds: float) -> float:
        """Return for what share of the last seconds the window was within 20% of a knee."""
        parts = self.parts(seconds)
        near = [length for length, limit in parts if abs(limit - knee) <= 0.2 * knee]
        return sum(near) / sum(length for length, _ in parts)

    def parts(self, seconds: float) -> list[tuple[float, int]]:
        """Return how long the window was what in the last seconds."""
        start = self.now - seconds * self.latency / LATENCY
        ends = [*(time for time, _ in self.history[1:]), self.now]
        windows = zip(self.history, ends, strict=True)
        return [(end - max(begin, start), limit) for (begin, limit), end in windows if end > start]


def assert_at(server: Server, knee: int, seconds: float) -> None:
    """In the last seconds the window was that of the knee, but for moments in which it looks what less would do."""
    assert abs(server.mean(seconds) - knee) <= 0.2 * knee
    assert server.share_near(knee, seconds) > 0.95


@pytest.mark.parametrize("latency", [0.001, 0.05, 1.0])
@pytest.mark.parametrize("knee", [5, 50])
@pytest.mark.parametrize("seed", [1, 2])
def test_within_ten_seconds_it_is_at_the_knee_and_stays_there(latency: float, knee: int, seed: int) -> None:
    server = Server(AdaptiveWindow(), latency, seed=seed)
    server.run(20, knee)
    assert_at(server, knee, 10)
    assert min(limit for _, limit in server.parts(10)) >= 0.75 * knee


def test_a_server_that_takes_very_many_is_made_use_of_as_soon() -> None:
    server = Server(AdaptiveWindow())
    server.run(4, knee=500)
    assert_at(server, 500, 2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_follows_a_knee_down_and_up(seed: int) -> None:
    server = Server(AdaptiveWindow(), seed=seed)
    for knee in (50, 20, 50):
        server.run(10, knee)
        assert_at(server, knee, 5)


def test_a_server_that_grows_tenfold_is_made_use_of_soon() -> None:
    server = Server(AdaptiveWindow())
    server.run(5)
    server.run(4, knee=500)
    assert_at(server, 500, 1)


def test_answers_that_take_a_little_longer_are_no_queue() -> None:
    server = Server(AdaptiveWindow())
    server.run(2, knee=500)
    server.spread = lambda chance: 1.03 * jitter(chance)
    server.run(2, knee=500)
    assert min(limit for _, limit in server.parts(2)) > 400


def test_when_answers_take_a_tenth_of_what_they_did_no_queue_comes_of_it() -> None:
    server = Server(AdaptiveWindow())
    server.spread = lambda chance: 10 * jitter(chance)
    server.run(40)
    server.spread = jitter
    server.run(5)
    assert max(limit for _, limit in server.parts(5)) < 80


def test_where_answers_take_longer_for_another_reason_it_does_not_become_less_for_long() -> None:
    server = Server(AdaptiveWindow())
    server.run(5)
    server.spread = lambda chance: 3 * jitter(chance)
    server.run(20)
    assert_at(server, 50, 5)
    server.spread = jitter
    server.run(5)
    assert_at(server, 50, 3)


def test_after_a_stall_it_does_not_wait_for_as_long_as_that_was() -> None:
    server = Server(AdaptiveWindow())
    server.run(5)
    server.spread = lambda chance: 400 * jitter(chance)
    server.run(30)
    server.spread = jitter
    # What the server has begun takes 10 s yet.
    server.run(15)
    assert_at(server, 50, 3)


def exponential(chance: random.Random) -> float:
    return chance.expovariate(1.0)


def quick_or_slow(chance: random.Random) -> float:
    return chance.choice([0.2, 1.8]) * jitter(chance)


@pytest.mark.parametrize(("spread", "seed"), [(exponential, 4), (quick_or_slow, 3), (quick_or_slow, 4)])
def test_answers_that_differ_much_are_told_from_a_queue(spread: Callable[[random.Random], float], seed: int) -> None:
    server = Server(AdaptiveWindow(), seed=seed)
    server.spread = spread
    server.run(20)
    assert server.mean(10) == pytest.approx(50, rel=0.25)
    # Of the 1,000 a second that it can give.
    assert server.answers > 0.9 * 20_000


@pytest.mark.parametrize(("spread", "seed"), [(exponential, 2), (quick_or_slow, 0)])
def test_a_knee_is_followed_also_where_answers_differ_much(spread: Callable[[random.Random], float], seed: int) -> None:
    server = Server(AdaptiveWindow(), seed=seed)
    server.spread = spread
    for knee in (50, 20, 50):
        server.run(15, knee)
        assert server.mean(5) == pytest.approx(knee, rel=0.25)


def test_when_other_clients_leave_their_queue_does_not_become_its_own() -> None:
    server = Server(AdaptiveWindow())
    for server.others in range(100, -1, -4):
        server.run(0.5)
    server.run(5)
    assert_at(server, 50, 3)


@pytest.mark.parametrize("seed", [1, 3])
def test_a_dead_server_gets_the_least_and_when_it_is_back_it_is_made_use_of_again(seed: int) -> None:
    server = Server(AdaptiveWindow(), seed=seed)
    server.run(5)
    server.run(0.2, refuses=1.0)
    assert server.window.limit == 1
    server.run(1, refuses=1.0)
    assert server.window.limit == 1
    server.run(8)
    assert_at(server, 50, 3)


def test_a_server_that_was_dead_at_first_is_made_use_of_once_it_answers() -> None:
    server = Server(AdaptiveWindow())
    server.run(1, refuses=1.0)
    assert server.window.limit == 1
    server.run(15)
    assert_at(server, 50, 5)


def test_a_server_that_refuses_half_gets_next_to_nothing_and_one_that_refuses_one_in_a_hundred_nearly_all() -> None:
    server = Server(AdaptiveWindow())
    server.run(5)
    server.run(5, refuses=0.5)
    assert server.mean(3) < 3
    server.run(10)
    server.run(10, refuses=0.01)
    assert server.mean(8) > 40


def test_of_drops_at_a_time_only_one_counts_and_of_later_ones_again() -> None:
    window = AdaptiveWindow(start=100)
    assert [window.ended(1.0, 100 - number, True, 1.0 + number / 1000) for number in range(60)] == [True] + [False] * 59
    assert window.limit == 70
    # This one began before the first one ended.
    assert not window.ended(0.5, 70, True, 1.4)
    assert window.ended(0.5, 70, True, 1.6)
    assert window.limit == 49


def test_a_drop_while_little_is_in_flight_is_less_of_that() -> None:
    window = AdaptiveWindow(start=100)
    assert window.ended(0.1, 20, True, 1.0)
    assert window.limit == 14


@pytest.mark.parametrize("source", [1, 8, 30])
def test_with_a_slow_source_it_does_not_grow_without_bound(source: int) -> None:
    server = Server(AdaptiveWindow(), source=source)
    server.run(20, knee=10**6)
    assert server.window.limit <= max(10, 2.5 * source)


@given(
    bounds=st.tuples(st.integers(1, 20), st.integers(0, 1000)),
    start=st.integers(-5, 2000),
    ends=st.lists(
        st.tuples(
            st.sampled_from([0.0, 1e-9, 0.01, 0.02, 1.0, 1e9]),
            st.integers(1, 2000),
            st.sampled_from([False, False, False, True]),
            st.sampled_from([0.0, 0.001, 1.0]),
        ),
        max_size=200,
    ),
)
def test_whatever_happens_it_stays_within_its_bounds(
    bounds: tuple[int, int], start: int, ends: list[tuple[float, int, bool, float]]
) -> None:
    least, most = bounds[0], sum(bounds)
    window = AdaptiveWindow(least, most, start)
    now = 0.0
    for elapsed, in_flight, dropped, wait in ends:
        now += wait
        before = window.limit
        assert least <= before <= most
        assert window.ended(elapsed, in_flight, dropped, now) is (window.limit != before)


def test_windows_that_cannot_be() -> None:
    for least, most in [(0, 10), (5, 4)]:
        with pytest.raises(ValueError, match="must be"):
            AdaptiveWindow(least, most)


def test_bounds_may_be_as_large_as_an_index() -> None:
    most = 2**62 - 1
    server = Server(AdaptiveWindow(least=1, most=most))
    server.run(1, knee=5)
    assert AdaptiveWindow(most, most).limit == most
