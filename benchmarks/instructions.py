"""How many instructions the compiled parts take, by valgrind's callgrind: exact, however busy the machine is.

python -m benchmarks.instructions is what callgrind looks at: it works on each part in processes of its own, which it
forks, so that what importing and a first unit take is spent once, and is no part of a unit's.
"""

from __future__ import annotations

import gc
import os
import platform
import re
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import partial
from itertools import product

from .builds import compiled
from .parts import PARTS

# What a process does before its first unit is taken away: that of one without units.
UNITS = 10_000

# What takes many instructions needs fewer units.
FEWER_UNITS = {
    "rich_encoder": 3_000, "redirected": 3_000, "inflating": 500, "adapter": 1_000, "ruled": 3_000,
    "messages": 3_000, "http2": 3_000, "http2_floor": 3_000,
}  # fmt: skip

# A block that comes and goes has Python's allocator make a pool and give it back each time, where all pools of blocks
# of its size are full (Objects/obmalloc.c). Whether they are depends on how many there are of all else, down to the
# length of a path: so each part is counted with so many blocks more of each size, and the least counts.
MORE_BLOCKS = (0, 5, 11)
SIZES = range(48, 513, 16)

# So many processes work at a time.
AT_ONCE = 2

CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")


def build_name() -> str:
    """Name what decides how many instructions a part takes: interpreter, processor and compiler."""
    compiler = shutil.which("cc")
    said = "none"
    if compiler:
        said = subprocess.run(
            [compiler, "-dumpfullversion"], capture_output=True, text=True, check=False
        ).stdout.strip()
    return f"Python {platform.python_version()}, {platform.machine()}, compiler {said}"


def count_all() -> dict[str, float]:
    """Give the instructions a unit of each part's work takes."""
    # Hashes of str decide how long a look into a dict takes.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [*CALLGRIND, sys.executable, "-m", "benchmarks.instructions"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=1800)
    collected = dict(re.findall(r"==(\d+)== Collected : (\d+)", done.stderr))
    found: dict[str, dict[str, dict[int, int]]] = {}
    for part, more, units, process in map(str.split, done.stdout.splitlines()):
        found.setdefault(part, {}).setdefault(more, {})[int(units)] = int(collected[process])
    return {part: round(min(map(_of_a_unit, counts.values())), 1) for part, counts in found.items()}


def _of_a_unit(counts: dict[int, int]) -> float:
    units = max(counts)
    return (counts[units] - counts[0]) / units


def _begin(work: Callable[[int], None], units: int, more: int) -> int:
    """Do so many units of work in a new process with so many blocks more of each size, and give its number."""
    process = os.fork()
    if process == 0:
        failed = 1
        try:
            blocks = [bytes(size - sys.getsizeof(b"")) for size in SIZES for _ in range(more)]
            work(units)
            del blocks
            failed = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(failed)
    return process


def _end() -> None:
    """Wait for a process.

    Raises:
        RuntimeError: If it failed.
    """
    process, failed = os.wait()
    if failed:
        raise RuntimeError(f"process {process} failed: {failed}")


def main() -> None:
    """Work on each part, and print for each process the part, the blocks more, the units, and its number."""
    # When the garbage collector comes by depends on what else was imported, and on where.
    gc.disable()
    build = compiled()
    for work in PARTS.values():
        work(build, 1)
    for number, (part, more, is_busy) in enumerate(product(PARTS, MORE_BLOCKS, (False, True))):
        if number >= AT_ONCE:
            _end()
        units = FEWER_UNITS.get(part, UNITS) if is_busy else 0
        print(part, more, units, _begin(partial(PARTS[part], build), units, more), flush=True)
    for _ in range(AT_ONCE):
        _end()


if __name__ == "__main__":
    main()
