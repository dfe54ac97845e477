"""Dask: bags and frames over a cluster of two workers, in processes and in threads."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.bag
import dask.dataframe
import pandas
import pytest
from distributed import Client, LocalCluster

from pynector import ConfigurationError, Rate
from pynector.integrations.dask import request_bag, request_frame
from pynector.integrations.many import Requests
from pynector.testing import LoopbackServer

# What Dask warns of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", params=[True, False], ids=["processes", "threads"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Client]:
    how = {"processes": request.param, "dashboard_address": ":0", "n_workers": 2, "threads_per_worker": 2}
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "120s"}),
        LocalCluster(**how) as made,
        Client(made) as it,
    ):
        yield it


@pytest.fixture
def requests(server: LoopbackServer) -> Iterator[Requests]:
    with Requests({"base_url": server.url}, path="/id/{id}", answer="text") as made:
        yield made


def bag_of(count: int, parts: int) -> Any:
    return dask.bag.from_sequence([{"id": number} for number in range(count)], npartitions=parts)


def test_a_bag(cluster: Client, requests: Requests) -> None:
    made = request_bag(bag_of(2000, 8), requests).compute()
    assert [record["response_body"] for record in made] == [str(number) for number in range(2000)]


def test_a_frame(cluster: Client, requests: Requests) -> None:
    frame = dask.dataframe.from_pandas(pandas.DataFrame({"id": range(500)}), npartitions=4)
    full = request_frame(frame, requests)
    made = full.compute()
    assert list(made["response_body"]) == [str(number) for number in range(500)]
    assert list(made.columns) == list(full.columns)
    assert list(made.dtypes) == list(full.dtypes)


def test_workers_share_a_rate(cluster: Client, server: LoopbackServer) -> None:
    rate = Rate(400)
    before = time.monotonic()
    with Requests({"base_url": server.url, "rate": rate, "timeout": 60}, path="/id/{id}") as requests:
        made = request_bag(bag_of(2400, 8), requests).compute()
    took = time.monotonic() - before
    assert Counter(record["response_error"] for record in made) == {None: 2400}
    # All that may be ahead of it is what is kept for the next one, once.
    assert took >= 2400 / 400 - 0.75


def keys_seen(made: list[dict[str, Any]]) -> list[str]:
    return [
        value
        for record in made
        for name, value in record["response_json"]["headers"]
        if name.lower() == "idempotency-key"
    ]


def test_keys_are_the_same_when_a_task_runs_again(cluster: Client, server: LoopbackServer) -> None:
    batch = {"idempotency_key": True}
    with Requests({"base_url": server.url}, batch, path="/inspect", answer="json", job="job") as requests:
        bag = request_bag(bag_of(40, 4), requests)
        keys = keys_seen(bag.compute())
        assert keys_seen(bag.compute()) == keys
    assert len(set(keys)) == 40


def test_a_worker_that_is_killed_loses_nothing(server: LoopbackServer) -> None:
    count, parts = 4000, 40
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as made,
        Client(made) as cluster,
        Requests({"base_url": server.url}, {"max_concurrency": 10}, path="/id/{id}?delay=0.01", answer="text") as slow,
    ):
        server.reset()
        future = cluster.compute(request_bag(bag_of(count, parts), slow))
        victim = next(iter(cluster.run(os.getpid).values()))
        while server.stats().requests < count / 4:
            time.sleep(0.05)
        os.kill(victim, signal.SIGKILL)
        records = future.result(timeout=240)
        sent = server.stats().requests
    assert [record["response_body"] for record in records] == [str(number) for number in range(count)]
    # Its results were lost with it: Dask makes them again.
    assert count <= sent <= 2 * count


def test_processes_without_a_cluster_cannot_share_a_rate(tmp_path: Path) -> None:
    requests = Requests({"rate": Rate(5)}, url="http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=r"without a distributed\.Client"):
        request_bag(bag_of(2, 2), requests).compute(scheduler="processes", num_workers=2)


def test_threads_without_a_cluster_have_one_client(server: LoopbackServer, requests: Requests) -> None:
    server.reset()
    made = request_bag(bag_of(100, 4), requests).compute(scheduler="threads")
    assert [record["response_body"] for record in made] == [str(number) for number in range(100)]
