"""How many instructions the compiled parts take, by valgrind's callgrind: exact, however busy the machine is.

python -m benchmarks.instructions is what callgrind looks at: it works on each part in processes of its own, which it
forks, so that what importing takes under callgrind is spent once.
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
from itertools import product

from .builds import compiled
from .parts import PARTS

# What a process does before the first unit is taken away, that of one without units; what is done once in the first
# unit is spread over these.
UNITS = 50_000

# What takes many instructions needs fewer units.
FEWER_UNITS = {
    "rich_encoder": 10_000, "redirected": 20_000, "inflating": 2_500, "adapter": 5_000, "ruled": 20_000,
    "messages": 10_000, "http2": 10_000, "http2_floor": 10_000,
}  # fmt: skip

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
    found: dict[str, dict[int, int]] = {part: {} for part in PARTS}
    for part, units, process in map(str.split, done.stdout.splitlines()):
        found[part][int(units)] = int(collected[process])
    return {part: round((busy[_units(part)] - busy[0]) / _units(part), 1) for part, busy in found.items()}


def _units(part: str) -> int:
    return FEWER_UNITS.get(part, UNITS)


def _begin(part: str, units: int) -> int:
    """Do so many units of a part's work in a new process, and give its number."""
    process = os.fork()
    if process == 0:
        failed = 1
        try:
            PARTS[part](compiled(), units)
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
    """Work on each part, once without units, and print for each process the part, the units and its number."""
    # When the garbage collector comes by depends on what else was imported, and on where.
    gc.disable()
    for number, (part, busy) in enumerate(product(PARTS, (False, True))):
        if number >= AT_ONCE:
            _end()
        units = _units(part) if busy else 0
        print(part, units, _begin(part, units), flush=True)
    for _ in range(AT_ONCE):
        _end()


if __name__ == "__main__":
    main()
