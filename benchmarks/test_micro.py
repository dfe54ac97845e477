"""The parts of the hot path alone, compiled and pure side by side, over sizes."""

from __future__ import annotations

from typing import Any

import pytest

from .builds import Build, builds
from .parts import PARTS

SIZES = [100, 1_000, 10_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("build", builds(), ids=lambda build: build.name)
@pytest.mark.parametrize("part", PARTS)
def test_micro(benchmark: Any, part: str, build: Build, size: int) -> None:
    if part in ("framing", "head"):
        pytest.importorskip("httptools")
    benchmark.group = f"{part}, {size:,} units"
    work = PARTS[part]
    work(build, size)
    benchmark.pedantic(work, args=(build, size), rounds=max(3, 20_000 // size), iterations=1)
    benchmark.extra_info["microseconds a unit"] = round(benchmark.stats.stats.median / size * 1e6, 3)
    module = build.accumulator.__file__
    assert module.endswith(".py") == (build.name == "pure")
