"""The recipes of docs/many-machines.md for Spark and Beam: on the shapes that these give, and on themselves where they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from pynector.integrations.many import Requests
from pynector.testing import LoopbackServer

SCHEMA = (
    "id long, response_status int, response_error string, response_message string, response_phase string, "
    "response_sent string, response_attempts int, response_elapsed double, response_body string"
)


@pytest.fixture
def requests(server: LoopbackServer) -> Iterator[Requests]:
    with Requests({"base_url": server.url}, path="/id/{id}", answer="text") as made:
        yield made


@pytest.mark.parametrize("name", ["pyarrow"] if find_spec("pyarrow") else [])
def test_an_iterator_of_record_batches_is_one_again(requests: Requests, name: str) -> None:
    """As Spark's mapInArrow has it: also without batches, and with one that is empty."""
    pyarrow = import_module(name)
    whole = pyarrow.table({"id": range(100)})
    batches = [*whole.to_batches(max_chunksize=30), whole.schema.empty_table().to_batches(max_chunksize=1)]
    flow = requests.process(batch for batch in batches if batch)
    made = list(flow)
    assert [batch.num_rows for batch in made] == [30, 30, 30, 10]
    assert pyarrow.Table.from_batches(made)["response_body"].to_pylist() == [str(number) for number in range(100)]
    assert list(requests.process([])) == []
    (empty,) = requests.process([pyarrow.RecordBatch.from_pylist([], schema=whole.schema)])
    assert empty.schema == made[0].schema


@pytest.mark.parametrize("name", ["pyspark"] if find_spec("pyspark") else [])
@pytest.mark.filterwarnings("ignore")
def test_spark(requests: Requests, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = import_module(f"{name}.sql")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    session = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        rows = session.range(500).mapInArrow(requests.process, SCHEMA).collect()
    finally:
        session.stop()
    assert sorted(row.id for row in rows) == list(range(500))
    assert all(row.response_body == str(row.id) for row in rows)


@pytest.mark.parametrize("name", ["apache_beam"] if find_spec("apache_beam") else [])
@pytest.mark.filterwarnings("ignore")
def test_beam(requests: Requests, name: str) -> None:
    beam: Any = import_module(name)

    class Enrich(beam.DoFn):  # type: ignore[misc]
        def __init__(self, requests: Requests) -> None:
            self.requests = requests

        def process(self, records: Any) -> Iterator[Any]:
            yield from next(self.requests.process([records]))

        def teardown(self) -> None:
            self.requests.close()

    def check(rows: list[Any]) -> None:
        assert sorted(row["id"] for row in rows) == list(range(500))
        assert all(row["response_body"] == str(row["id"]) for row in rows)

    from apache_beam.testing.util import assert_that

    with beam.Pipeline(runner="DirectRunner") as pipeline:
        made = (
            pipeline
            | beam.Create([{"id": number} for number in range(500)])
            | beam.BatchElements(min_batch_size=50, max_batch_size=200)
            | beam.ParDo(Enrich(requests))
        )
        assert_that(made, check)
