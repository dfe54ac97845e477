"""What this process holds, looked at between rounds of requests, and what of it grows."""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from types import TracebackType

from leaks import open_files

# Growth is what is there again from each part of the samples to the next, by more than these: so many in all, and so
# many for a request. What a part holds is the least that was found in it.
PARTS = 4
LIMITS = {
    "memory": (8_192, 1.0),
    "blocks": (10, 0.01),
    "resident": (1 << 20, 10.0),
    "files": (0, 0.0),
    "objects": (4, 0.0001),
}


@dataclass(frozen=True)
class Sample:
    """What there is at one time.

    Attributes:
        requests: How many requests have ended.
        memory: Bytes that Python has allocated since the watch began.
        blocks: Blocks that Python's own allocator holds.
        resident: Bytes of the process in memory; 0 where the system does not tell.
        files: Open file descriptors; 0 where the system does not tell.
        objects: How many objects of each type have been made since the watch began, of those that the garbage collector
            knows: tasks, timers, exceptions and their frames among them.
    """

    requests: int
    memory: int
    blocks: int
    resident: int
    files: int
    objects: dict[str, int]

    def values(self) -> dict[str, int]:
        """Return all that may grow, by name."""
        numbers = {"memory": self.memory, "blocks": self.blocks, "resident": self.resident, "files": self.files}
        return {**numbers, **{f"objects: {name}": count for name, count in self.objects.items()}}


class Watch:
    """Takes samples. It keeps them in a file: in memory they would grow themselves."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed on leaving

    def __enter__(self) -> Watch:
        gc.collect()
        # What was there before is neither searched nor counted any more, which also makes each look fast. It stays so:
        # gc.unfreeze() would undo what others have frozen, too.
        gc.freeze()
        tracemalloc.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tracemalloc.stop()
        self._file.close()

    def take(self, requests: int) -> None:
        """Take a sample after so many requests."""
        _clear_caches()
        gc.collect()
        self._file.write(json.dumps(asdict(_sample(requests))) + "\n")
        self._file.flush()

    def samples(self) -> list[Sample]:
        """Return what was taken."""
        self._file.seek(0)
        return [Sample(**json.loads(line)) for line in self._file]


# The cache of attributes keeps the names that were looked up: one that C makes anew each time, as re.finditer does, is
# another name each time, until all of its places are taken.
_clear_caches: Callable[[], None] = sys._clear_type_cache if sys.version_info < (3, 13) else sys._clear_internal_caches


def _sample(requests: int) -> Sample:
    memory, _ = tracemalloc.get_traced_memory()
    blocks = sys.getallocatedblocks()
    objects = Counter(f"{type(it).__module__}.{type(it).__qualname__}" for it in gc.get_objects())
    return Sample(requests, memory, blocks, _resident(), open_files() or 0, dict(objects))


def _resident() -> int:
    if "libasan" in os.environ.get("LD_PRELOAD", ""):
        # AddressSanitizer keeps what is freed, so that it sees whoever uses it.
        return 0
    try:
        with open("/proc/self/statm", "rb") as told:
            return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def grown(samples: list[Sample]) -> dict[str, int]:
    """Return what grows from one part of the samples to the next, each time, and by how much in all."""
    size = len(samples) // PARTS
    parts = [samples[number * size : (number + 1) * size] for number in range(PARTS)]
    requests = (samples[-1].requests - samples[0].requests) / (len(samples) - 1) * size
    names = {name for sample in samples for name in sample.values()}
    found = {}
    for name in sorted(names):
        floor, rate = LIMITS[name.partition(":")[0]]
        least = [min(sample.values().get(name, 0) for sample in part) for part in parts]
        steps = [after - before for before, after in pairwise(least)]
        if min(steps) > floor + rate * requests:
            found[name] = least[-1] - least[0]
    return found
