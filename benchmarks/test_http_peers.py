"""The native engine beside other clients, over real sockets; the summary at the end has the ratios and their bars."""

from __future__ import annotations

import urllib.request
from typing import Any
from urllib.error import HTTPError

import pytest

from .peers import PEERS, installed
from .rows import WORKLOADS, Workload
from .servers import has_http2, serving
from .table import as_row, certificate, run

ROUNDS = 3


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_peers(workload: Workload, benchmark: Any, comparison: list[dict[str, Any]]) -> None:
    if workload.http2 and not has_http2():
        pytest.skip("nginx is not installed")
    peers, _ = installed(PEERS)
    _, figures = benchmark.pedantic(run, args=(workload, peers, ROUNDS), rounds=1)
    row = as_row(workload, figures)
    benchmark.extra_info.update(row)
    comparison.append(row)
    # Each client checked its answers; what the figures should be depends on how quiet the machine is.
    assert all(found.values for found in figures.values())


@pytest.mark.skipif(not has_http2(), reason="nginx is not installed")
def test_where_http2_is_measured_nothing_else_gets_an_answer() -> None:
    with certificate() as (files, context), serving(files, http2=True) as server:
        with pytest.raises(HTTPError, match="505"):
            urllib.request.urlopen(server.url + server.small, context=context)
        with urllib.request.urlopen(server.plain + server.small) as answer:
            assert len(answer.read()) == 1024
