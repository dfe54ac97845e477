"""Ray Data: a dataset over two actors, a rate that they share, one that is killed, a job that goes on."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from pyarrow import parquet

from pynector import ConfigurationError, Rate
from pynector.integrations.many import Requests
from pynector.integrations.ray import RequestActor, request_dataset
from pynector.testing import LoopbackServer

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    ray.init(
        num_cpus=8,
        include_dashboard=False,
        object_store_memory=200_000_000,
        log_to_driver=False,
        runtime_env={"env_vars": environment},
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
    rows = request_dataset(numbers(2400), requests, workers=2, batch_size=100).take_all()
    took = time.monotonic() - before
    assert [row["response_error"] for row in rows] == [None] * 2400
    assert took >= 2400 / 400 - 0.75


def test_a_worker_that_is_killed_loses_nothing(server: LoopbackServer, tmp_path: Path) -> None:
    class Marked(RequestActor):
        def __init__(self, requests: Requests) -> None:
            (tmp_path / str(os.getpid())).touch()
            super().__init__(requests)

    count = 4000
    window = {"max_concurrency": 10}
    requests = Requests({"base_url": server.url}, window, path="/id/{id}?delay=0.01", answer="text")
    server.reset()
    made = numbers(count, 20).map_batches(
        Marked,
        fn_constructor_args=(requests,),
        batch_size=100,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=2),
    )
    rows: list[Any] = []
    victims: list[int] = []
    for batch in made.iter_batches(batch_size=100, batch_format="pyarrow"):
        rows += batch.to_pylist()
        if not victims:
            victims = [int(path.name) for path in tmp_path.iterdir()]
            os.kill(victims[0], signal.SIGKILL)
    assert sorted(row["id"] for row in rows) == list(range(count))
    assert all(row["response_body"] == str(row["id"]) for row in rows)
    # No more than what one actor had in flight was sent again.
    assert count <= server.stats().requests <= count + count // 2


def test_a_job_goes_on_where_it_was_stopped(server: LoopbackServer, tmp_path: Path) -> None:
    from ray.data.checkpoint import CheckpointConfig

    ids = tmp_path / "ids"
    numbers(200, 4).write_parquet(str(ids))
    context = ray.data.DataContext.get_current()
    requests = Requests({"base_url": server.url}, path="/id/{id}", answer="text", key="id", job="job")
    context.checkpoint_config = CheckpointConfig(
        id_column="id", checkpoint_path=str(tmp_path / "done"), delete_checkpoint_on_success=False
    )
    try:
        for _ in range(2):
            server.reset()
            made = request_dataset(ray.data.read_parquet(str(ids)), requests, workers=1)
            made.write_parquet(str(tmp_path / "out"))
            sent = server.stats().requests
    finally:
        context.checkpoint_config = None
    assert sent == 0
    rows = parquet.read_table(str(tmp_path / "out"))
    assert sorted(rows["id"].to_pylist()) == list(range(200))


@pytest.mark.parametrize("workers", [0, (2, 1)])
def test_a_wrong_number_of_workers_is_refused(workers: Any) -> None:
    with pytest.raises(ConfigurationError, match="workers must be"):
        request_dataset(numbers(1, 1), Requests(), workers=workers)
