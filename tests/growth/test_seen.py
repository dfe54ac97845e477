"""What grows is seen, and what does not is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from growth.measure import Watch, grown

KEPT: list[Any] = []

# What one request of so many leaves behind.
LEAKS: dict[str, tuple[int, Callable[[int], Any]]] = {
    "memory": (10, lambda number: KEPT.append(bytes(4_000 + number))),
    "blocks": (4, lambda number: KEPT.append(float(number))),
    "files": (200, lambda number: KEPT.append(os.open(os.devnull, os.O_RDONLY))),
    "objects: builtins.set": (20, lambda number: KEPT.append({number})),
}


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    for kept in KEPT:
        if type(kept) is int:
            os.close(kept)
    KEPT.clear()


def seen(request: Callable[[int], object]) -> dict[str, int]:
    """Return what is found to grow over 800 requests."""
    with Watch() as watch:
        for number in range(1, 1001):
            request(number)
            if number % 200 == 0:
                watch.take(number)
        return grown(watch.samples()[1:])


@pytest.mark.parametrize("what", LEAKS)
def test_what_some_requests_leave_behind_is_seen(what: str) -> None:
    period, leave = LEAKS[what]

    def request(number: int) -> None:
        if number % period == 0:
            leave(number)

    assert what in seen(request)


def test_what_is_thrown_away_is_not() -> None:
    assert seen(lambda number: [{number}, bytes(5_000), float(number)]) == {}


def test_what_is_made_once_or_comes_and_goes_is_not() -> None:
    def request(number: int) -> None:
        if number == 500:
            KEPT.extend({number} for number in range(1_000))
        if number % 170 == 0:
            KEPT[:] = [bytes(100_000)] * (number % 4)

    assert seen(request) == {}
