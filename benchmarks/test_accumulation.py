"""What it costs to make one body of its chunks, against a single join of the same chunks."""

from __future__ import annotations

import os
from typing import Any

from pynector._speedups.accumulator import Accumulator

from .ratio import compare

CHUNK = 16 * 1024
BODY = 64 * 1024 * 1024


def test_accumulating_costs_little_more_than_a_join(benchmark: Any) -> None:
    block = os.urandom(CHUNK - 8)
    chunks = [block + number.to_bytes(8, "big") for number in range(BODY // CHUNK)]

    def candidate() -> None:
        accumulator = Accumulator()
        for chunk in chunks:
            accumulator.append(chunk)
        assert len(accumulator.finish()) == BODY

    def reference() -> None:
        assert len(b"".join(chunks)) == BODY

    assert compare(benchmark, candidate, reference, at_least=1 / 1.5) >= 1 / 1.5
