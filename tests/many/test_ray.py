"""Ray Data: a dataset over two actors, a rate that they share, one that is killed, a job that goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
import ray
from pyarrow import parquet

import snippets
from paced import rate_of
from pynector import ConfigurationError, PynectorError, Rate
from pynector.integrations import ray as integration
from pynector.integrations.many import Requests
from pynector.integrations.ray import CALLS, RequestActor, request_dataset
from pynector.testing import LoopbackServer

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=200_000_000,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def numbers(count: int, blocks: int = 8) -> Any:
    return ray.data.range(count, override_num_blocks=blocks)


def test_every_answer_is_in_its_row(server: LoopbackServer) -> None:
    requests = Requests({"base_url": server.url}, path="/id/{id}", answer="text")
    rows = request_dataset(numbers(4000), requests, workers=2, batch_size=250).take_all()
    assert sorted(row["id"] for row in rows) == list(range(4000))
    assert all(row["response_body"] == str(row["id"]) for row in rows)
    assert {row["response_status"] for row in rows} == {200}


@pytest.mark.parametrize("kind", ["numpy", "pandas"])
def test_batches_of_other_kinds(server: LoopbackServer, kind: str) -> None:
    requests = Requests({"base_url": server.url}, path="/id/{id}?fail=7", answer="text")
    made = numbers(100, 2).map_batches(
        RequestActor, fn_constructor_args=(requests,), batch_format=kind, compute=ray.data.ActorPoolStrategy(size=1)
    )
    rows = sorted(made.take_all(), key=lambda row: row["id"])
    assert [row["response_error"] is not None for row in rows] == [number % 7 == 0 for number in range(100)]


def test_workers_share_a_rate(server: LoopbackServer) -> None:
    requests = Requests({"base_url": server.url, "rate": Rate(400), "timeout": 60}, path="/id/{id}")
    before = time.monotonic()
    rows = request_dataset(numbers(1200), requests, workers=2, batch_size=100).take_all()
    took = time.monotonic() - before
    assert [row["response_error"] for row in rows] == [None] * 1200
    assert took >= 1200 / 400 - 0.75


def test_a_lender_that_dies_is_replaced(server: LoopbackServer) -> None:
    """The rate is kept by the next one, which whoever misses it has made."""
    client = {"base_url": server.url, "rate": Rate(300), "timeout": 60}
    requests = Requests(client, path="/id/{id}", answer="text", job="lent")
    rows: list[Any] = []
    before = time.monotonic()
    for batch in request_dataset(numbers(900), requests, workers=2, batch_size=100).iter_batches(batch_size=100):
        if not rows:
            ray.kill(ray.get_actor("pynector-lent", "pynector"))
        rows += batch["response_body"].tolist()
    assert sorted(map(int, rows)) == list(range(900))
    assert time.monotonic() - before >= 900 / 300 - 0.75


def test_two_datasets_of_a_job_share_its_rate(server: LoopbackServer) -> None:
    """At once on one cluster; with another rate it is another job."""

    def made(rate: float) -> Any:
        client = {"base_url": server.url, "rate": Rate(rate), "timeout": 60}
        return request_dataset(numbers(450, 3), Requests(client, path="/id/{id}", job="shared"), workers=1)

    server.reset()
    before = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(made(300).take_all), pool.submit(made(300).take_all)
        while not server.stats().requests:
            time.sleep(0.05)
        with pytest.raises(ConfigurationError, match="job 'shared' is under way with other rates"):
            made(200)
        rows = [*first.result(), *second.result()]
    assert [row["response_error"] for row in rows] == [None] * 900
    assert time.monotonic() - before >= 900 / 300 - 0.75


def test_a_lender_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hangs:
        def declare(self, *_: Any) -> bool:
            time.sleep(600)
            return True

    hung = ray.remote(Hangs).options(name="pynector-hung", namespace="pynector", num_cpus=0).remote()
    monkeypatch.setattr(integration, "LENDER_PATIENCE", 0.2)
    with pytest.raises(PynectorError, match="Ray's actor 'pynector-hung', which lends the rates and windows of job"):
        request_dataset(numbers(1, 1), Requests({"rate": Rate(5)}, url="http://127.0.0.1:1", job="hung"))
    ray.kill(hung)


def test_a_worker_whose_cluster_has_ended_ends() -> None:
    """It begins no other cluster to find its lender, and does not wait for a look-up that hangs."""
    code = """
import asyncio, time
import ray
from pynector import PynectorError
from pynector.integrations.many import Asked
from pynector.integrations.ray import RayBank

bank, asked = RayBank("job", [], None), Asked([], [], 0, 0)
try:
    asyncio.run(bank.ask("worker", asked))
except PynectorError as error:
    print(error)
print(ray.is_initialized())

ray.is_initialized = lambda: True
ray.remote = lambda actor: time.sleep(3600)
try:
    asyncio.run(asyncio.wait_for(bank.ask("worker", asked), 0.1))
except asyncio.TimeoutError:
    print("hangs")
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=300)
    said = "there is no cluster of Ray: this process has left it, or it has ended"
    assert (done.returncode, done.stdout.splitlines()) == (0, [said, "False", "hangs"]), done.stderr


def over_two_that_are_marked(requests: Requests, folder: Path, count: int, size: int, blocks: int) -> Any:
    # A local class goes to the actors by value: they cannot import this file.
    class Marked(RequestActor):
        def __init__(self, requests: Requests) -> None:
            (folder / str(os.getpid())).touch()
            super().__init__(requests)

    return numbers(count, blocks).map_batches(
        Marked,
        fn_constructor_args=(requests,),
        batch_size=size,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=2, max_concurrent_calls_per_actor=CALLS),
    )


@pytest.mark.parametrize(
    ("count", "size", "blocks", "delay"),
    [(4000, 50, 20, 0.01), pytest.param(50_000, 100, 50, 0.001, marks=pytest.mark.exhaustive)],
)
def test_a_worker_that_is_killed_loses_nothing(
    server: LoopbackServer, tmp_path: Path, count: int, size: int, blocks: int, delay: float
) -> None:
    client, window = {"base_url": server.url}, {"max_concurrency": 10}
    requests = Requests(client, window, path=f"/id/{{id}}?delay={delay}", answer="text")
    server.reset()
    rows: dict[int, str] = {}
    victim = None
    for batch in over_two_that_are_marked(requests, tmp_path, count, size, blocks).iter_batches(batch_size=size):
        rows |= dict(zip(batch["id"].tolist(), batch["response_body"].tolist(), strict=True))
        if victim is None and len(rows) >= count / 3:
            victim = int(next(tmp_path.iterdir()).name)
            os.kill(victim, signal.SIGKILL)
    assert victim is not None
    assert rows == {number: str(number) for number in range(count)}
    # No more was sent again than the blocks that one actor worked on, and one whose end had not been heard of.
    assert count <= server.stats().requests <= count + (CALLS + 1) * count // blocks


@pytest.mark.exhaustive
def test_a_rate_is_kept_to_two_in_a_hundred(server: LoopbackServer) -> None:
    rate, count = 2000, 50_000
    requests = Requests({"base_url": server.url, "rate": Rate(rate), "timeout": 120}, path="/id/{id}", answer="text")
    with ThreadPoolExecutor(1) as pool:
        rows = pool.submit(request_dataset(numbers(count, 50), requests, workers=2, batch_size=500).take_all)
        seen = rate_of(server, count, rows.done)
    assert sorted(int(row["response_body"]) for row in rows.result()) == list(range(count))
    assert seen == pytest.approx(rate, rel=0.02)


@pytest.mark.exhaustive
def test_what_nobody_reads_is_not_sent(server: LoopbackServer) -> None:
    server.reset()
    requests = Requests({"base_url": server.url}, {"max_concurrency": 5}, path="/id/{id}?delay=0.02")
    rows = iter(request_dataset(numbers(20_000, 20), requests, workers=1, batch_size=100).iter_rows())
    next(rows)
    del rows
    # Another dataset has the cluster to itself then.
    made = request_dataset(numbers(10, 1), requests, workers=1).take_all()
    assert len(made) == 10
    assert server.stats().requests < 20_000


@pytest.mark.exhaustive
def test_the_page_s_snippets(server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job, one that goes on, and another one of what has failed in the first."""
    context = ray.data.DataContext.get_current()
    job, going_on, again = snippets.about("ray")
    servers = {snippets.SERVER: server.url, "s3://bucket": str(tmp_path), "/mnt/shared": str(tmp_path)}
    numbers(200, 2).write_parquet(str(tmp_path / "ids"))
    snippets.check(job, {**servers, "/id/{id}": "/id/{id}?fail=50"})
    written = parquet.read_table(str(tmp_path / "answers"))
    assert sorted(written["id"].to_pylist()) == list(range(200))
    with monkeypatch.context() as patched:
        patched.setattr(context, "checkpoint_config", None)
        snippets.check(going_on, servers)
        assert context.checkpoint_config.id_column == "id"
    snippets.check(again, servers)
    written = parquet.read_table(str(tmp_path / "answers-again"))
    assert sorted(written["id"].to_pylist()) == [0, 50, 100, 150]
    assert written["response_error"].to_pylist() == [None] * 4


def test_no_records_are_no_requests(server: LoopbackServer) -> None:
    requests = Requests({"base_url": server.url}, path="/id/{id}")
    nobody = numbers(10, 2).filter(lambda row: row["id"] > 100)
    assert request_dataset(nobody, requests, workers=1).take_all() == []


@pytest.mark.exhaustive
def test_a_job_goes_on_where_it_was_stopped(server: LoopbackServer, tmp_path: Path) -> None:
    from ray.data.checkpoint import CheckpointConfig

    ids = tmp_path / "ids"
    numbers(200, 2).write_parquet(str(ids))
    context = ray.data.DataContext.get_current()
    requests = Requests({"base_url": server.url}, path="/id/{id}", answer="text", key="id", job="job")
    context.checkpoint_config = CheckpointConfig(
        id_column="id", checkpoint_path=str(tmp_path / "done"), delete_checkpoint_on_success=False
    )
    try:
        for _ in range(2):
            server.reset()
            rows = ray.data.read_parquet(str(ids), override_num_blocks=2)
            made = request_dataset(rows, requests, workers=1)
            made.write_parquet(str(tmp_path / "out"))
            sent = server.stats().requests
    finally:
        context.checkpoint_config = None
    assert sent == 0
    written = parquet.read_table(str(tmp_path / "out"))
    assert sorted(written["id"].to_pylist()) == list(range(200))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        *(({"workers": workers}, "workers must be") for workers in (0, (2, 1), (1, 2, 3), "2", True, (1, 1.5))),
        ({"batch_size": 0}, "batch_size must be"),
        ({"batch_size": 1.5}, "batch_size must be"),
        ({"requests": {"path": "/"}}, "requests must be Requests, not dict"),
        ({"requests": Requests({"json_dumps": Lock().acquire})}, "client: 'json_dumps' cannot be sent to workers"),
    ],
)
def test_what_is_wrong_is_said_on_the_driver(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        request_dataset(numbers(1, 1), **{"requests": Requests(), **arguments})
