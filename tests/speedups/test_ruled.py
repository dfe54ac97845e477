"""The dispatcher under rules: limits, retries, pauses and hedges in any order, on a fake clock."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proportion import assert_in_proportion
from pynector import CircuitBreaker, ConnectError, PynectorError, Rate, RetryPolicy, TransportError
from pynector._speedups.admission import IS_ASIDE, IS_PAUSED, MAY_START, Admission
from pynector._speedups.call import Call
from pynector._speedups.limits import LEAST_KNOWN, Limits
from pynector._speedups.results import MISSING, ListResults
from pynector._speedups.ruled import RuledDispatcher
from pynector._speedups.scheduler import NEVER, Scheduler
from pynector.dispatch.limits import Declared
from pynector.dispatch.rules import HEDGE_BUDGET, HEDGE_FLOOR, Rules, Shared
from pynector.dispatch.surroundings import Surroundings

TIMEOUT = 40.0
ORIGINS = ("a", "b")


class Traits:
    """Of requests that are the name of their origin, and may all be sent again."""

    def origin(self, data: Any, options: Mapping[str, Any]) -> str:
        return str(data)

    def method(self, data: Any, options: Mapping[str, Any]) -> str:
        return "GET"

    def options_for_attempts(self, options: Mapping[str, Any], whole: bool) -> tuple[dict[str, Any], None]:
        return dict(options), None

    def is_plain(self, options: Mapping[str, Any]) -> bool:
        return True

    def made_anew_by(self, options: Mapping[str, Any]) -> frozenset[str]:
        return frozenset()

    def with_idempotency_key(self, data: Any, options: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        return {**options, "key": key}

    def pause_asked_for(self, outcome: Any, wall_now: float) -> float:
        return float(getattr(outcome, "pause", 0.0))


class Handle:
    def __init__(self, call: Batch, token: int) -> None:
        self.call, self.token = call, token

    def cancel(self) -> None:
        if not self.call.forgets:
            self.call.in_flight.remove(self.token)


class Batch:
    """A dispatcher over a transport whose requests are completed by hand."""

    def __init__(
        self, world: Any, shared: Shared, own: Declared, data: Sequence[str | None], window: int, traits: Any = None
    ) -> None:
        self.world = world
        self.data = [one for one in data if one]
        self.scheduler = Scheduler(window)
        self.results = ListResults(len(data))
        self.ended: Counter[int] = Counter()
        self.in_flight: list[int] = []
        self.of: dict[int, str] = {}
        self.attempts: list[float] = []
        self.wakes = 0
        self.arms: list[float] = []
        self.is_over = False
        self.is_told = True
        self.forgets = False
        around = Surroundings(lambda: world.now, {}, traits or Traits(), None, lambda *told: None)
        self.rules = Rules(shared, own, around)
        self.rules.scheduler = self.scheduler
        self.dispatcher = RuledDispatcher(
            self.scheduler,
            iter([(one, {}) if one else None for one in data]),
            self.results,
            self.submit,
            lambda: world.now,
            self.rules.options,
            TIMEOUT,
            lambda entry: TIMEOUT,
            self.translate,
            self.notify,
            self.rules,
            self.arms.append,
        )
        self.dispatcher.wake = self.dispatcher.run
        self.own, self.shared = own, shared

    def submit(self, data: str, options: Any, deadline: float, completion: Any, token: int) -> Any:
        # What is raised here is the request's failure, and nobody would see it.
        if self.is_over or data != self.data[self.dispatcher.index_of(token)]:
            self.world.faults.append(f"{data} was sent")
        if self.scheduler.in_flight > self.scheduler.window:
            self.world.faults.append(f"{data} is one too many")
        if not self.world.now < deadline <= self.world.now + TIMEOUT:
            self.world.faults.append(f"{data} was to end at {deadline}")
        self.in_flight.append(token)
        self.of[token] = data
        self.attempts.append(self.world.now)
        self.world.attempted(self, data)
        return Handle(self, token)

    def translate(self, error: BaseException, index: int, entry: Any, timeout: float) -> BaseException:
        self.ended[index] += 1
        return error

    def notify(self) -> None:
        self.wakes += 1

    def complete(self, position: int, error: PynectorError | None) -> None:
        token = self.in_flight.pop(position % len(self.in_flight))
        if error is None:
            self.ended[self.dispatcher.index_of(token)] += 1
            self.dispatcher.succeed(token, self.of[token])
        else:
            self.dispatcher.fail(token, error)

    def abandon(self, is_told: bool) -> None:
        self.is_told = is_told
        self.dispatcher.abandon((lambda handle: TransportError("given up")) if is_told else None)
        self.dispatcher.end()
        self.is_over = True
        assert not self.in_flight


def own_limits(draw: Any) -> Declared:
    return Declared(
        rates=tuple(draw(st.lists(st.builds(Rate, st.sampled_from([1, 5, 50]), burst=st.just(1)), max_size=1))),
        per_origin=draw(st.sampled_from([None, 1, 1, 2])),
        retry=draw(st.sampled_from([None, RetryPolicy(3, 1.0, jitter=0.0), RetryPolicy(2, 0.0, budget=None)])),
        hedge_after=draw(st.sampled_from([None, 0.5, 5.0])),
        breaker=draw(st.sampled_from([None, None, CircuitBreaker(minimum=3, cooldown=5.0)])),
        learn=draw(st.booleans()),
    )


class World(RuleBasedStateMachine):
    """Two batches on one client."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.now = 100.0
        self.faults: list[str] = []
        self.client = own_limits(data.draw)
        self.shared = Shared(self.client)
        entries = st.lists(st.sampled_from(ORIGINS), min_size=1, max_size=12)
        self.paused: dict[str, float] = {}
        self.batches = [
            Batch(self, self.shared, own_limits(data.draw), data.draw(entries), data.draw(st.integers(1, 4)))
            for _ in range(2)
        ]
        for batch in self.batches:
            self.run(batch)

    def attempted(self, batch: Batch, origin: str) -> None:
        if self.client.learn or batch.own.learn:
            known = [limits.origin(origin, self.now) for limits in batch.rules.limits if limits.by_origin]
            if any(place.paused_until > self.now for place in known):
                self.faults.append(f"{origin} is paused")

    def run(self, batch: Batch) -> None:
        if not batch.is_over:
            batch.wakes = 0
            batch.dispatcher.run()
            # It would be run again at once, and again.
            assert batch.scheduler.when() > self.now

    @rule(which=st.integers(0, 1))
    def it_runs(self, which: int) -> None:
        self.run(self.batches[which])

    @rule(seconds=st.floats(0, 8))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: any(batch.in_flight for batch in self.batches))
    @rule(which=st.integers(0, 1), position=st.integers(0, 9), outcome=st.sampled_from(["ok", "pause", "lost", "no"]))
    def one_ends(self, which: int, position: int, outcome: str) -> None:
        batch = self.batches[which] if self.batches[which].in_flight else self.batches[1 - which]
        error: PynectorError | None = None
        if outcome != "ok":
            error = ConnectError("refused", sent="none") if outcome == "lost" else TransportError("no")
            error.pause = 7.0 if outcome == "pause" else 0.0  # type: ignore[attr-defined]
        if error is not None and outcome == "no":
            error.transient = False  # type: ignore[attr-defined]
        batch.complete(position, error)

    @rule(which=st.integers(0, 1), size=st.integers(1, 4))
    def its_window_changes(self, which: int, size: int) -> None:
        self.batches[which].scheduler.window = size
        self.run(self.batches[which])

    @rule(which=st.integers(0, 1), is_told=st.booleans())
    def it_is_given_up(self, which: int, is_told: bool) -> None:
        batch = self.batches[which]
        if not batch.is_over:
            batch.abandon(is_told)

    @invariant()
    def no_limit_is_passed(self) -> None:
        for batch in getattr(self, "batches", []):
            assert len(batch.in_flight) == batch.scheduler.in_flight
            self.check_origins([batch], batch.own.per_origin)
            check_rates(batch.attempts, batch.own)
        if hasattr(self, "batches"):
            assert not self.faults
            self.check_origins(self.batches, self.client.per_origin)
            check_rates(sorted(self.batches[0].attempts + self.batches[1].attempts), self.client)

    def check_origins(self, batches: list[Batch], most: int | None) -> None:
        counts = Counter(batch.of[token] for batch in batches for token in batch.in_flight)
        assert most is None or max(counts.values(), default=0) <= most

    def teardown(self) -> None:
        if not hasattr(self, "batches"):
            return
        for _ in range(3000):
            for batch in self.batches:
                while batch.in_flight:
                    batch.complete(0, None)
                self.run(batch)
            self.no_limit_is_passed()
            if all(batch.is_over or batch.dispatcher.is_finished() for batch in self.batches):
                break
            left = [batch for batch in self.batches if not batch.is_over and not batch.dispatcher.is_finished()]
            if left and not any(batch.in_flight or batch.wakes for batch in left):
                due = min(batch.scheduler.when() for batch in left)
                assert due < NEVER
                self.now = max(self.now, due)
        else:
            raise AssertionError("somebody starves")
        for batch in self.batches:
            begun = batch.scheduler.started
            assert batch.dispatcher.counts() == (begun, 0)
            assert batch.is_over or begun == len(batch.data)
            if batch.is_told:
                assert all(batch.ended[index] == 1 for index in range(begun))
                assert all(result is not MISSING for result in batch.results.results[:begun])
            assert max(batch.ended.values(), default=0) <= 1
            batch.dispatcher.end()
        for limits in {id(one): one for batch in self.batches for one in batch.rules.limits}.values():
            assert all(place.in_flight == 0 for place in limits.origins().values())


def check_rates(attempts: list[float], own: Declared) -> None:
    for rate in own.rates:
        for first in range(len(attempts)):
            for last in range(first, len(attempts)):
                most = rate.requests * 1.15 * (attempts[last] - attempts[first] + 0.011) + 1.001
                assert last - first + 1 <= most


World.TestCase.settings = settings(max_examples=100, stateful_step_count=30, phases=[Phase.generate])
TestWorld = World.TestCase


class Still:
    """A world in which nothing happens by itself."""

    now = 0.0
    faults: ClassVar[list[str]] = []

    def attempted(self, batch: Batch, origin: str) -> None:
        pass


def test_what_is_refused_by_an_open_circuit_takes_no_slot() -> None:
    world = Still()
    own = Declared(breaker=CircuitBreaker(minimum=2, cooldown=5.0))
    batch = Batch(world, Shared(own), Declared(), ["a"] * 9, 1)
    batch.dispatcher.run()
    for _ in range(2):
        batch.complete(0, ConnectError("refused"))
    assert batch.dispatcher.is_finished()
    assert len(batch.attempts) == 2
    assert [type(result).__name__ for result in batch.results.results] == ["ConnectError"] * 2 + ["CircuitOpen"] * 7


def test_a_place_is_not_given_to_who_was_cancelled_while_it_waited() -> None:
    world, shared = Still(), Shared(Declared(per_origin=1))
    first, second = (Batch(world, shared, Declared(), ["a", "a"], 2) for _ in range(2))
    first.dispatcher.run()
    second.dispatcher.run()
    second.abandon(False)
    first.complete(0, None)
    first.complete(0, None)
    assert shared.limits is not None
    assert shared.limits.origins()["a"].in_flight == 0
    assert first.results.results == ["a", "a"]


def test_who_waits_for_a_place_has_his_turn_however_many_others_have_there() -> None:
    world, shared = Still(), Shared(Declared(per_origin=1))
    first, second = (Batch(world, shared, Declared(), "a" * count, 30) for count in (20, 2))
    first.dispatcher.run()
    second.dispatcher.run()
    for _ in range(5):
        first.complete(0, None) if first.in_flight else second.complete(0, None)
        first.dispatcher.run()
        second.dispatcher.run()
    assert len(second.attempts) == 2


def test_who_has_no_slot_keeps_no_more_than_a_place_from_others() -> None:
    world, shared = Still(), Shared(Declared(per_origin=2))
    before, full, other = (Batch(world, shared, Declared(), *its) for its in (("aa", 2), ("aaabb", 2), ("aaa", 3)))
    for batch in (before, full, other):
        batch.dispatcher.run()
    before.complete(0, None)
    before.complete(0, None)
    for _ in range(3):
        other.dispatcher.run()
        other.complete(0, None)
    assert [full.of[token] for token in full.in_flight] == ["b", "b"]
    for _ in range(5):
        full.complete(0, None)
    assert full.dispatcher.is_finished()


def test_what_has_ended_while_it_waited_for_a_place_is_not_kept() -> None:
    world, shared = Still(), Shared(Declared(per_origin=1))
    first = Batch(world, shared, Declared(), "a", 1)
    first.dispatcher.run()
    for is_told in (False, True):
        other = Batch(world, shared, Declared(), "aa", 1)
        other.dispatcher.run()
        other.abandon(is_told)
    assert shared.limits is not None
    assert not shared.limits.origins()["a"].queue


def test_what_is_sent_again_and_again_takes_no_more_memory_each_time() -> None:
    own = Declared(retry=RetryPolicy(1000, 0.0, budget=None))
    batch = Batch(Still(), Shared(Declared()), own, "a", 1)
    batch.dispatcher.run()
    for _ in range(100):
        batch.complete(0, ConnectError("refused", sent="none"))
    assert len(batch.attempts) == 101
    waiting = 0
    while batch.scheduler.due(NEVER) is not None:
        waiting += 1
    assert waiting == 1


def test_to_give_up_many_costs_no_more_for_each() -> None:
    def prepare(count: int) -> Callable[[], object]:
        batch = Batch(Still(), Shared(Declared()), Declared(per_origin=count), "a" * count, count)
        while len(batch.in_flight) < count:
            batch.dispatcher.run()
        # The transport of this test looks for what it cancels.
        batch.in_flight.clear()
        batch.forgets = True
        return lambda: batch.abandon(True)

    assert_in_proportion(prepare, 500)


@pytest.mark.parametrize("of_client", [False, True])
def test_what_a_call_learns_holds_back_no_other_call(of_client: bool) -> None:
    world, learns = Still(), Declared(learn=True)
    shared = Shared(Declared(per_origin=3, learn=of_client))
    first, second = (Batch(world, shared, own, "a", 1) for own in (learns, Declared()))
    first.dispatcher.run()
    answer = TransportError("later")
    answer.pause = 7.0  # type: ignore[attr-defined]
    first.complete(0, answer)
    second.dispatcher.run()
    assert len(second.attempts) == (0 if of_client else 1)


def test_origins_that_are_idle_are_forgotten_also_those_left_alone_and_seldom_looked_for() -> None:
    limits = Limits([], 0, CircuitBreaker(minimum=1, cooldown=5.0).make, True)
    for number in range(3 * LEAST_KNOWN):
        origin = limits.origin(number, float(number))
        breaker = origin.breaker
        breaker.record(breaker.allows(float(number)), True, float(number))
        assert breaker.refuses(number + 4.0)
    assert len(limits.origins()) <= LEAST_KNOWN + 20
    assert limits.origin(number, float(number)) is origin


class Starter:
    """Whoever starts calls, and notes which have been given a place."""

    def __init__(self, limits: list[Limits]) -> None:
        self.admission = Admission(Scheduler(1), limits)
        self.placed: list[Any] = []

    def ask(self, now: float) -> int:
        call = Call(0, ("a", {}))
        call.origin = "a"
        return self.admission.ask(self, call, now)

    def has_room(self) -> bool:
        return True

    def take_place(self, call: Call, place: Any) -> None:
        self.placed.append(call)

    def try_again(self) -> None:
        pass


def test_a_pause_of_an_origin_that_is_full_makes_no_place_there() -> None:
    limits = Limits([], 1, None, True)
    first, second = Starter([limits]), Starter([limits])
    assert (first.ask(0.0), second.ask(0.0)) == (MAY_START, IS_ASIDE)
    limits.origin("a", 0.0).pause(5.0)
    assert first.ask(1.0) == IS_PAUSED
    # What waits there would start, when the pause is over, beside what is still there.
    assert not second.placed
    assert limits.origin("a", 1.0).in_flight == 1


def test_a_token_that_is_none_is_refused() -> None:
    world = Still()
    batch = Batch(world, Shared(Declared()), Declared(per_origin=1), ["a"], 1)
    for token in (-1, 0, 1 << 24):
        with pytest.raises(ValueError, match="not of a request in flight"):
            batch.dispatcher.succeed(token, "x")


def test_a_hedge_that_waits_for_the_rate_when_its_answer_comes_holds_nothing_up() -> None:
    world = Still()
    own = Declared(rates=(Rate(1),), hedge_after=0.5)
    batch = Batch(world, Shared(Declared()), own, ["a"], 2)
    batch.dispatcher.run()
    world.now = 0.75
    batch.dispatcher.run()
    assert batch.scheduler.when() == pytest.approx(1.0)
    batch.complete(0, None)
    assert batch.dispatcher.is_finished()
    assert batch.scheduler.when() == NEVER


def test_who_has_his_turn_with_a_rate_and_no_slot_holds_nobody_up() -> None:
    world, shared = Still(), Shared(Declared(rates=(Rate(1),), per_origin=2))
    first, second = (Batch(world, shared, Declared(), data, 2) for data in ("aa", "a"))
    first.dispatcher.run()
    second.dispatcher.run()
    # Its window is one that follows what the server bears.
    first.scheduler.window = 1
    world.now = 1.0
    first.dispatcher.run()
    assert first.scheduler.when() == NEVER
    second.dispatcher.run()
    assert (first.attempts, second.attempts) == ([0.0], [1.0])
    first.complete(0, None)
    world.now = 2.0
    first.dispatcher.run()
    assert first.attempts == [0.0, 2.0]


@pytest.mark.parametrize("stopped", [False, True])
def test_who_waits_for_a_rate_of_his_own_holds_nobody_up_in_anothers(stopped: bool) -> None:
    world, shared = Still(), Shared(Declared(rates=(Rate(1),)))
    first, second = (Batch(world, shared, own, "aa", 2) for own in (Declared(rates=(Rate(10),)), Declared()))
    first.dispatcher.run()
    world.now = 0.5
    first.dispatcher.run()
    second.dispatcher.run()
    if stopped:
        first.scheduler.stopped = True
    else:
        # Its answer has said that it has cost more.
        first.rules.limits[0].buckets[0].correct(50.0)
    world.now = 1.0
    first.dispatcher.run()
    second.dispatcher.run()
    assert (first.attempts, second.attempts) == ([0.0], [1.0])
    assert first.scheduler.when() == (NEVER if stopped else pytest.approx(5.1))


def test_a_hedge_whose_time_is_over_is_not_sent_and_ends_nothing() -> None:
    world = Still()
    own = Declared(rates=(Rate(1, per=50),), hedge_after=0.5)
    batch = Batch(world, Shared(Declared()), own, ["a", None, "b"], 3)
    batch.dispatcher.run()
    world.now = 0.5
    batch.dispatcher.run()
    assert batch.scheduler.when() == pytest.approx(50.0)
    world.now = 50.5
    batch.dispatcher.run()
    batch.dispatcher.run()
    assert not batch.shared.counts
    # And it takes nothing of the rate, nor of the budget.
    assert batch.attempts == [0.0, 50.5]
    budget = batch.shared.budget(HEDGE_BUDGET, HEDGE_FLOOR)
    assert budget is not None
    assert sum(budget.withdraw(50.5) for _ in range(20)) == 10
    batch.complete(0, None)
    assert batch.results.results[0] == "a"


def test_a_hedge_beyond_the_budget_waits_for_nothing_and_holds_nothing() -> None:
    world, shared = Still(), Shared(Declared(per_origin=2))
    own = Declared(retry=RetryPolicy(1, budget=0.0), hedge_after=0.5)
    batch = Batch(world, shared, own, "a" * 101 + "b", 204)
    budget = shared.budget(0.0)
    assert budget is not None
    assert sum(budget.withdraw(0.0) for _ in range(101)) == 100
    batch.dispatcher.run()
    world.now = 0.5
    batch.dispatcher.run()
    batch.complete(0, None)
    # Its hedge has got the place, and given it to the next one.
    batch.dispatcher.run()
    assert (shared.counts["hedges"], shared.counts["budget_refused"] > 0) == (0, True)
    while batch.in_flight:
        batch.complete(0, None)
        batch.dispatcher.run()
    assert batch.dispatcher.is_finished()
    assert all(place.in_flight == 0 for limits in batch.rules.limits for place in limits.origins().values())


def test_to_give_up_one_may_end_others() -> None:
    batch = Batch(Still(), Shared(Declared()), Declared(retry=RetryPolicy(1)), "aaa", 3)
    batch.dispatcher.run()
    cancel = Handle.cancel

    def cancel_all(handle: Handle) -> None:
        cancel(handle)
        while batch.in_flight:
            batch.complete(0, TransportError("lost with it"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Handle, "cancel", cancel_all)
        batch.abandon(True)
    assert [str(result) for result in batch.results.results] == ["given up", "lost with it", "lost with it"]
    assert batch.ended == {0: 1, 1: 1, 2: 1}


class Broken(Traits):
    """Of a transport of the user's own."""

    def method(self, data: Any, options: Mapping[str, Any]) -> str:
        raise ValueError("method")

    def options_for_attempts(self, options: Mapping[str, Any], whole: bool) -> Any:
        def final(call: Any, outcome: Any) -> Any:
            if not isinstance(outcome, BaseException):
                raise ValueError("final")
            return outcome

        return dict(options), final

    def pause_asked_for(self, outcome: Any, wall_now: float) -> float:
        raise ValueError("pause")


def test_whatever_raises_each_request_ends_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    own = Declared(learn=True, retry=RetryPolicy(3, 0.0))
    batch = Batch(Still(), Shared(Declared()), own, "ab", 1, Broken())
    batch.dispatcher.run()
    failure = TransportError("lost", sent="full")
    batch.complete(0, failure)
    batch.complete(0, None)
    assert [str(result) for result in batch.results.results] == ["method", "final"]
    assert batch.results.results[0].__cause__ is failure
    assert [str(one.exc_value) for one in told] == ["pause", "pause"]
    assert batch.dispatcher.is_finished()


def test_a_source_that_has_nothing_now_is_not_asked_again_and_again() -> None:
    world = Still()
    batch = Batch(world, Shared(Declared()), Declared(rates=(Rate(10),)), [None, "a", None, None], 2)
    batch.dispatcher.run()
    assert not batch.wakes
    batch.dispatcher.run()
    batch.complete(0, None)
    assert not batch.wakes
    batch.dispatcher.run()
    assert batch.wakes
