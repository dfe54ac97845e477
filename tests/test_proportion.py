"""Whether a measurement tells what grows in proportion from what does not, on a machine that pauses."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

import proportion
from proportion import assert_in_proportion


@pytest.mark.parametrize("power", [1.0, 1.2, 1.8, 2.0])
@pytest.mark.parametrize("quiet", range(3))
def test_what_grows_faster_fails_and_a_pause_does_not(
    power: float, quiet: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, measured = 0.0, itertools.count()

    def prepare(count: int) -> Callable[[], object]:
        def work() -> None:
            nonlocal now
            now += 1e-3 * count**power
            # Two of three measurements hold a pause.
            if next(measured) % 3 != quiet:
                now += 2.0 * count

        return work

    monkeypatch.setattr(proportion.time, "thread_time", lambda: now)
    if power < 1.5:
        assert_in_proportion(prepare, 100)
    else:
        with pytest.raises(AssertionError, match="32 times as many take"):
            assert_in_proportion(prepare, 100)
