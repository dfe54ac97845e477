"""Dask: bags and frames over a cluster of two workers, in processes and in threads."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import dask
import dask.bag
import dask.dataframe
import pandas
import pytest
from distributed import Client, LocalCluster

import snippets
from paced import rate_of
from pynector import ConfigurationError, Rate
from pynector.integrations.dask import DaskBank, LendingPlugin, request_bag, request_frame
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
        made = request_bag(bag_of(1200, 8), requests).compute()
    took = time.monotonic() - before
    assert Counter(record["response_error"] for record in made) == {None: 1200}
    # All that may be ahead of it is what is kept for the next one, once.
    assert took >= 1200 / 400 - 0.75


def test_the_page_s_snippet(
    cluster: Client, server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = snippets.about("distributed")
    dask.dataframe.from_pandas(pandas.DataFrame({"id": range(40)}), npartitions=2).to_parquet("ids")
    (tmp_path / "ids.jsonl").write_text("".join(f'{{"id": {number}}}\n' for number in range(40)))
    names = snippets.check(block, {snippets.SERVER: server.url, "tcp://scheduler:8786": cluster.scheduler.address})
    names["requests"].close()
    frame = dask.dataframe.read_parquet("answers").compute()
    assert list(frame["response_json"]) == [str(number) for number in range(40)]
    lines = [json.loads(line) for file in sorted(tmp_path.glob("answers/*.json")) for line in file.open()]
    assert [record["response_json"] for record in lines] == list(range(40))


def test_bytes_in_a_frame_go_into_a_file(server: LoopbackServer, tmp_path: Path) -> None:
    frame = dask.dataframe.from_pandas(pandas.DataFrame({"id": range(10)}), npartitions=2)
    with Requests({"base_url": server.url}, path="/id/{id}") as requests:
        request_frame(frame, requests).to_parquet(tmp_path)
    made = dask.dataframe.read_parquet(tmp_path).compute()
    assert list(made["response_body"]) == [str(number).encode() for number in range(10)]


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


@pytest.mark.parametrize(
    ("count", "parts", "delay"), [(4000, 40, 0.01), pytest.param(50_000, 100, 0.001, marks=pytest.mark.exhaustive)]
)
def test_a_worker_that_is_killed_loses_nothing(server: LoopbackServer, count: int, parts: int, delay: float) -> None:
    client, window = {"base_url": server.url}, {"max_concurrency": 10}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as made,
        Client(made) as cluster,
        Requests(client, window, path=f"/id/{{id}}?delay={delay}", answer="text") as slow,
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


@pytest.mark.exhaustive
def test_a_rate_is_kept_to_two_in_a_hundred(cluster: Client, server: LoopbackServer) -> None:
    rate, count = 2000, 50_000
    with Requests({"base_url": server.url, "rate": Rate(rate), "timeout": 120}, path="/id/{id}", answer="text") as made:
        records = cluster.compute(request_bag(bag_of(count, 100), made))
        seen = rate_of(server, count, records.done)
    assert [record["response_body"] for record in records.result()] == [str(number) for number in range(count)]
    assert seen == pytest.approx(rate, rel=0.02)


def test_a_job_has_one_rate_while_it_is_under_way(cluster: Client, server: LoopbackServer) -> None:
    def made(rate: float) -> Requests:
        return Requests({"base_url": server.url, "rate": Rate(rate), "timeout": 60}, path="/id/{id}", job="shared")

    server.reset()
    with made(300) as first, made(300) as second:
        futures = [cluster.compute(request_bag(bag_of(300, 4), each)) for each in (first, second)]
        while not server.stats().requests:
            time.sleep(0.05)
        with pytest.raises(ConfigurationError, match="job 'shared' is under way with other rates"):
            request_bag(bag_of(2, 2), made(200))
        records = [record for future in futures for record in future.result()]
    assert Counter(record["response_error"] for record in records) == {None: 600}


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ({"path": "/"}, "requests must be Requests, not dict"),
        (Requests({"json_dumps": Lock().acquire}), "client: 'json_dumps' cannot be sent to workers"),
    ],
)
def test_what_is_wrong_is_said_before_it_runs(cluster: Client, requests: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        request_bag(bag_of(2, 2), requests)


def test_an_asynchronous_client_shares_what_it_is_told_to(cluster: Client, server: LoopbackServer) -> None:
    async def main() -> Any:
        with Requests({"base_url": server.url, "rate": Rate(100)}, path="/id/{id}", answer="text") as requests:
            async with Client(cluster.scheduler.address, asynchronous=True) as client:
                with pytest.raises(ConfigurationError, match="not shared through an asynchronous Client by itself"):
                    request_bag(bag_of(2, 2), requests)
                await client.register_plugin(LendingPlugin(requests.job, *requests.lent))
                bag = request_bag(bag_of(100, 2), requests.borrowing(DaskBank(requests.job)))
                return await client.compute(bag)

    before = time.monotonic()
    assert [record["response_body"] for record in asyncio.run(main())] == [str(number) for number in range(100)]
    assert time.monotonic() - before >= 0.25


def test_processes_without_a_cluster_cannot_share_a_rate(tmp_path: Path) -> None:
    requests = Requests({"rate": Rate(5)}, url="http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=r"without a distributed\.Client"):
        request_bag(bag_of(2, 2), requests).compute(scheduler="processes", num_workers=2)


def test_threads_without_a_cluster_have_one_client(server: LoopbackServer, requests: Requests) -> None:
    server.reset()
    made = request_bag(bag_of(100, 4), requests).compute(scheduler="threads")
    assert [record["response_body"] for record in made] == [str(number) for number in range(100)]
