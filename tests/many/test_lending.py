"""Rates and windows lent to workers, on a clock of the test's own."""

from __future__ import annotations

import random

import pytest

from pynector import Rate
from pynector.integrations.many import Asked, Lender

PLENTY = 1e6


class Workers:
    """Some workers that ask as often as they are told, with a jitter, and use what they have at a pace of their own."""

    def __init__(self, lender: Lender, paces: dict[str, float], seed: int = 1) -> None:
        self.lender = lender
        self.paces = paces
        self.random = random.Random(seed)
        self.now = 100.0
        self.next = dict.fromkeys(paces, self.now)
        self.asked = dict.fromkeys(paces, self.now)
        self.held = dict.fromkeys(paces, 0.0)
        self.used = dict.fromkeys(paces, 0.0)
        self.granted = 0.0

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while min(self.next.values()) < end:
            name = min(self.next, key=lambda each: self.next[each])
            self.now = self.next[name]
            could = self.paces[name] * (self.now - self.asked[name])
            used = min(self.held[name], could)
            self.asked[name] = self.now
            self.held[name] -= used
            self.used[name] += used
            wanted = max(0.0, 0.4 * self.paces[name] - self.held[name])
            loan = self.lender.ask(name, Asked([self.held[name]], [wanted], 0, 0), self.now)
            self.held[name] += loan.granted[0]
            self.granted += loan.granted[0]
            self.next[name] = self.now + loan.again * self.random.uniform(0.8, 1.2)
        self.now = end


def test_the_whole_rate_is_kept_and_shared_evenly() -> None:
    workers = Workers(Lender([Rate(1000)]), {"a": PLENTY, "b": PLENTY})
    workers.run(20)
    assert sum(workers.used.values()) == pytest.approx(20_000, rel=0.02)
    assert workers.used["a"] == pytest.approx(workers.used["b"], rel=0.05)
    assert workers.granted <= 20_000


def test_what_a_slow_one_has_no_use_for_is_there_for_the_others() -> None:
    workers = Workers(Lender([Rate(1000)]), {"slow": 100, "b": PLENTY, "c": PLENTY})
    workers.run(20)
    assert sum(workers.used.values()) == pytest.approx(20_000, rel=0.02)
    assert workers.used["slow"] == pytest.approx(2000, rel=0.05)


@pytest.mark.parametrize("count", [4, 50])
def test_a_rate_of_less_than_one_each_goes_round(count: int) -> None:
    workers = Workers(Lender([Rate(2)]), {f"w{number}": PLENTY for number in range(count)})
    workers.run(200)
    assert workers.granted == pytest.approx(400, abs=4)
    assert all(workers.used.values()), workers.used


def test_what_nobody_asks_for_is_not_kept_for_ever() -> None:
    lender = Lender([Rate(1000)])
    lender.ask("a", Asked([0.0], [0.0], 0, 0), 0.0)
    lender.ask("a", Asked([0.0], [0.0], 0, 0), 4.0)
    loan = lender.ask("a", Asked([0.0], [PLENTY], 0, 0), 4.0)
    assert loan.granted == [501.0]


def test_what_a_dead_one_held_goes_to_the_others() -> None:
    lender = Lender([Rate(1000)])
    lender.ask("dead", Asked([0.0], [PLENTY], 0, 0), 0.0)
    assert lender.ask("dead", Asked([0.0], [PLENTY], 0, 0), 0.1).granted == [100.0]
    now, got = 0.1, 0.0
    lender.ask("b", Asked([0.0], [0.0], 0, 0), now)
    while now < 20:
        now += 0.1
        got += lender.ask("b", Asked([0.0], [PLENTY], 0, 0), now).granted[0]
    # Half of the time until it was taken for dead was its own, of which all that is kept comes back.
    assert len(lender) == 1
    assert got == pytest.approx(20_000 - 2500, abs=700)


def test_one_that_leaves_gives_back_what_it_has() -> None:
    lender = Lender([Rate(1000)])
    lender.ask("a", Asked([0.0], [0.0], 0, 0), 0.0)
    lender.ask("b", Asked([0.0], [0.0], 0, 0), 0.0)
    assert lender.ask("a", Asked([0.0], [PLENTY], 0, 0), 0.2).granted == [100.0]
    lender.leave("a")
    lender.leave("nobody")
    assert lender.ask("b", Asked([0.0], [PLENTY], 0, 0), 0.2).granted == [200.0]


def test_a_debt_is_paid_before_more_is_lent() -> None:
    workers = Workers(Lender([Rate(100)]), {"a": PLENTY})
    workers.held["a"] = -50.0
    workers.run(10)
    assert workers.granted == pytest.approx(1000, rel=0.02)


def test_what_is_lent_changes_when_nobody_borrows() -> None:
    lender = Lender([Rate(10)])
    assert lender.declare([Rate(10)], None, 0.0)
    assert lender.declare([Rate(1000)], 5, 0.0)
    assert lender.ask("a", Asked([0.0], [0.0], 0, 0), 0.0).places == 5
    assert lender.ask("a", Asked([0.0], [PLENTY], 0, 0), 0.1).granted == [100.0]
    assert not lender.declare([Rate(10)], None, 1.0)
    assert lender.declare([Rate(1000)], 5, 1.0)
    # It is taken for dead.
    assert lender.declare([Rate(10)], None, 20.0)
    assert len(lender) == 0


def test_with_many_workers_each_asks_less_often() -> None:
    lender = Lender()
    for number in range(1000):
        again = lender.ask(f"w{number}", Asked([], [], 0, 0), 0.0).again
    assert again == pytest.approx(2.0)


class Windows:
    """Workers that are always as busy as they may be."""

    def __init__(self, lender: Lender, names: list[str]) -> None:
        self.lender = lender
        self.names = names
        self.places = dict.fromkeys(names, -1)
        self.now = 0.0

    def ask(self, name: str, busiest: int | None = None) -> int:
        before = max(0, self.places.get(name, -1))
        loan = self.lender.ask(name, Asked([], [], before, before if busiest is None else busiest), self.now)
        self.places[name] = loan.places
        return loan.places

    def round(self) -> list[int]:
        self.now += 0.1
        return [self.ask(name, min(5, max(0, self.places[name]))) for name in self.names]


def test_a_window_is_parted_and_never_passed() -> None:
    windows = Windows(Lender(per_origin=10), ["a"])
    assert windows.ask("a") == 10
    windows.names.append("b")
    # The first one has ten in flight until it is told, and they end.
    assert windows.ask("b") == -1
    assert windows.ask("a", 10) == 5
    assert windows.ask("b") == -1
    windows.ask("a", 6)
    assert windows.ask("b") == 4
    windows.ask("a", 5)
    assert windows.ask("b") == 5


def test_a_dead_one_s_places_are_free_again() -> None:
    windows = Windows(Lender(per_origin=10), ["a", "b"])
    windows.ask("a"), windows.ask("b")
    for _ in range(3):
        windows.round()
    assert windows.places == {"a": 5, "b": 5}
    windows.names.remove("b")
    for _ in range(60):
        windows.round()
    assert windows.places["a"] == 10


def test_fewer_places_than_workers_go_round() -> None:
    windows = Windows(Lender(per_origin=2), [f"w{number}" for number in range(5)])
    served = set()
    for _ in range(100):
        places = windows.round()
        assert sum(place for place in places if place > 0) <= 2
        served |= {name for name, place in windows.places.items() if place > 0}
    assert served == set(windows.names)


def test_no_window_is_any_number() -> None:
    assert Lender([Rate(5)]).ask("a", Asked([0.0], [0.0], 0, 0), 0.0).places == 0
