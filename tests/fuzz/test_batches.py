"""Batches as a state machine: each entry ends once, and never too many are in flight, whatever happens when."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from .batches import MOST, PLANS, World, finish
from .builds import BUILDS

TIMES = st.floats(0, 4)
TOKENS = st.integers(-1, MOST)


class Batches(RuleBasedStateMachine):
    """A batch in both builds; see World."""

    worlds: tuple[World, ...] = ()

    @initialize(
        plans=st.lists(st.integers(0, len(PLANS) - 1), max_size=MOST),
        window=st.integers(1, 5),
        deadline=st.just(float("inf")) | TIMES,
        stop_on_error=st.booleans(),
    )
    def begin(self, plans: list[int], window: int, deadline: float, stop_on_error: bool) -> None:
        self.worlds = tuple(World(build, plans, window, deadline, stop_on_error) for build in BUILDS.values())

    @rule()
    def run(self) -> None:
        for world in self.worlds:
            world.run()

    @rule(seconds=TIMES)
    def time_passes(self, seconds: float) -> None:
        for world in self.worlds:
            world.passes(seconds)

    @rule(token=TOKENS, failed=st.booleans())
    def end(self, token: int, failed: bool) -> None:
        for world in self.worlds:
            world.end(token, failed)

    @precondition(lambda self: not any(world.abandoned for world in self.worlds))
    @rule()
    def abandon(self) -> None:
        for world in self.worlds:
            world.abandon()

    @invariant()
    def all_holds(self) -> None:
        for world in self.worlds:
            world.check()

    @invariant()
    def the_builds_agree(self) -> None:
        assert len({(tuple(world.given), tuple(world.ended.items()), world.notified) for world in self.worlds}) <= 1

    def teardown(self) -> None:
        for world in self.worlds:
            finish(world)


def test_batches_in_any_order() -> None:
    run_state_machine_as_test(Batches, settings=settings(max_examples=150))


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_batches_in_any_order_for_long() -> None:
    run_state_machine_as_test(
        Batches, settings=settings(max_examples=5_000, stateful_step_count=100, derandomize=False)
    )
