"""Whatever is cancelled, late or closed, at whichever step: it ends as it should, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import product
from typing import Any

import pytest
from disturbances import DISTURBANCES, Disturbance, Time
from disturbing import Sweep
from scenarios import SCENARIOS
from stage import Scenario, Servers
from stepping import SteppedLoop

LOOPS = [name for name in ("asyncio", "uvloop", "trio") if find_spec(name)]

# How many steps of a scenario the short form tries.
FEW = 5


def cases() -> Iterator[Any]:
    """Give each scenario on whatever it runs on, and how it is disturbed there."""
    for scenario in SCENARIOS:
        for carrier, loop, how in product(scenario.carriers, LOOPS, DISTURBANCES):
            if carrier == "native" and (loop == "trio" or not find_spec("httptools")):
                continue
            if isinstance(how, Time) and loop == "uvloop":
                # Its timers do not ask its clock, so it cannot be moved.
                continue
            yield pytest.param(scenario, carrier, loop, how, id=f"{scenario.name}-{carrier}-{loop}-{how.name}")


SIZES = [pytest.param(FEW, id="few"), pytest.param(None, id="all", marks=pytest.mark.exhaustive)]


@pytest.mark.parametrize(("scenario", "carrier", "loop", "how"), list(cases()))
@pytest.mark.parametrize("most", SIZES)
def test_what_is_disturbed_at_a_step_leaves_nothing(
    scenario: Scenario, carrier: str, loop: str, how: Disturbance, most: int | None, servers: Servers
) -> None:
    sweep = Sweep(SteppedLoop(loop), scenario, carrier, how, servers)
    sweep.run(most)
    print(f"{scenario.name} on {carrier}, {loop}, {how.name}: {sweep.points} points")
    assert not sweep.faults, "\n".join(sweep.faults)
