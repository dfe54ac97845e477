"""How long importing takes, beside httpx and aiohttp, and what is not imported before it is used."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from .ratio import tried

ROUNDS = 9
LAZY = (
    "email.utils",
    "hashlib",
    "httpx",
    "httpx2",
    "opentelemetry",
    "rich",
    "structlog",
    "trio",
    "urllib.parse",
    "uuid",
    "pynector.downloads",
    "pynector.transport.http.transport",
    "importlib.metadata",
)


def _seconds(module: str, environment: dict[str, str]) -> float:
    # Of the processor's: what else runs on the machine takes none of it.
    program = f"import time; started = time.process_time(); import {module}; print(time.process_time() - started)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def test_importing_takes_no_longer_than_importing_httpx(benchmark: Any, tmp_path: Path) -> None:
    # All of them from bytecode: where none is written, a checkout would be compiled anew each time beside an
    # installed httpx that is not.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    def measure() -> list[float]:
        modules = ("pynector", "httpx", "aiohttp", "asyncio")
        rounds = [[_seconds(module, environment) for module in modules] for _ in range(1 + ROUNDS)]
        return [statistics.median(column) for column in zip(*rounds[1:], strict=True)]

    def ratio() -> float:
        own, httpx, aiohttp, event_loop = measure()
        said = f"{own * 1e3:.0f} ms, httpx {httpx * 1e3:.0f} ms, aiohttp {aiohttp * 1e3:.0f} ms"
        said += f", asyncio alone {event_loop * 1e3:.0f} ms"
        benchmark.extra_info["import"] = said
        print(f"\nimport pynector: {said}; {own / httpx:.2f} of httpx")
        return httpx / own

    # A third more than httpx, half of it for asyncio; the margin is for a busy machine.
    bar = 1 / 1.5
    assert benchmark.pedantic(tried, args=(ratio, bar), rounds=1) >= bar


def test_what_is_not_used_is_not_imported() -> None:
    program = f"import sys, pynector; print([name for name in {LAZY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
