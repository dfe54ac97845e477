"""How many instructions the compiled parts take, by valgrind's callgrind: exact, however busy the machine is.

python -m benchmarks.instructions PART COUNT does COUNT units of a part's work; that is what callgrind looks at.
"""

from __future__ import annotations

import gc
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from .builds import compiled
from .parts import PARTS

# What importing and the interpreter cost is taken away, that of a run without units. It differs a little from one
# environment to another, so there must be many units for it to be spread over.
UNITS = 100_000

# What takes many instructions needs fewer units.
FEWER_UNITS = {"inflating": 5_000}


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
    with ThreadPoolExecutor(2) as pool:
        idle = list(pool.map(_collected, PARTS, [0] * len(PARTS)))
        units = [FEWER_UNITS.get(part, UNITS) for part in PARTS]
        busy = list(pool.map(_collected, PARTS, units))
    return {
        part: round((most - least) / count, 1)
        for part, count, least, most in zip(PARTS, units, idle, busy, strict=True)
    }


def _collected(part: str, units: int) -> int:
    command = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        sys.executable,
        "-m",
        "benchmarks.instructions",
    ]
    # Hashes of str decide how long a look into a dict takes.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command += [part, str(units)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=300)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(f"callgrind said nothing of instructions: {done.stderr[-500:]}")
    return int(found[1])


if __name__ == "__main__":
    # When the garbage collector comes by depends on what else was imported, and on where.
    gc.disable()
    PARTS[sys.argv[1]](compiled(), int(sys.argv[2]))
