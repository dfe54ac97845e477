"""Whatever is cancelled, late or closed, at whichever step: it ends as it should, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from disturbances import DISTURBANCES, Disturbance
from disturbing import Sweep, sized
from scenarios import SCENARIOS
from stage import Scenario, Servers, runs
from stepping import LOOPS, SteppedLoop


def cases() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Give each scenario, on whatever it runs on, and how it is disturbed there."""
    for scenario in SCENARIOS:
        for carrier, loop, how in product(scenario.carriers, LOOPS, DISTURBANCES):
            if runs(carrier) and how.runs(loop):
                yield f"{how.name}-{scenario.name}-{carrier}-{loop}", (scenario, carrier, loop, how)


@pytest.mark.parametrize(("scenario", "carrier", "loop", "how", "most"), sized(cases(), most=5, share=0.25))
def test_what_is_disturbed_at_a_step_leaves_nothing(
    scenario: Scenario,
    carrier: str,
    loop: str,
    how: Disturbance,
    most: int | None,
    servers: Servers,
    record_property: Callable[[str, object], None],
) -> None:
    sweep = Sweep(SteppedLoop(loop), scenario, carrier, how, servers)
    sweep.run(most)
    for name, value in sweep.tried().items():
        record_property(name, value)
    assert not sweep.faults, "\n".join(sweep.faults)
