"""Whether what is done for many takes time in proportion to their number.

A machine may pause, or be ten times as slow for a moment. What was measured may therefore be too much, and never too
little: what counts is the least of several rounds, in which few and many take turns, and only what is too slow in each
of many rounds fails.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

# The rounds after which it may be well, and those after which it is not.
LEAST, MOST = 3, 12

# What a clock of a thread's time cannot tell apart (seconds).
TICK = 0.016 if sys.platform == "win32" else 0.0


def assert_in_proportion(prepare: Callable[[int], Callable[[], object]], few: int, times: int = 32) -> None:
    """Fail if `times` as many take much more than `times` as long.

    Linear is `times`, quadratic the square of it; the bar lies between them, as far from the one as from the other.

    Args:
        prepare: Makes ready what is to be measured for a number, which is not measured itself.
        few: The smaller number. So many should take a millisecond or more.
        times: How many times as many there are of the many.
    """
    least = {few: float("inf"), few * times: float("inf")}
    for done in range(1, MOST + 1):
        for count in least:
            least[count] = min(least[count], seconds(prepare(count)))
        growth = least[few * times] / max(least[few], TICK)
        if done >= LEAST and growth <= times**1.5:
            return
    raise AssertionError(f"{times} times as many take {growth:.0f} times as long: {least}")


def seconds(work: Callable[[], object]) -> float:
    """Return the processor's time that something takes in this thread, without a search for garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        started = time.thread_time()
        work()
        return time.thread_time() - started
    finally:
        if was_enabled:
            gc.enable()
