"""The native engine beside other clients, over real sockets; the summary at the end has the ratios and their bars."""

from __future__ import annotations

from typing import Any

import pytest

from .peers import PEERS, installed
from .rows import WORKLOADS, Workload
from .table import as_row, run

ROUNDS = 3


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_peers(workload: Workload, benchmark: Any, comparison: list[dict[str, Any]]) -> None:
    peers, _ = installed(PEERS)
    _, figures = benchmark.pedantic(run, args=(workload, peers, ROUNDS), rounds=1)
    row = as_row(workload, figures)
    benchmark.extra_info.update(row)
    comparison.append(row)
    # Each client checked its answers; what the figures should be depends on how quiet the machine is.
    assert all(found.values for found in figures.values())
