"""The recipes of docs/many-machines.md for Spark and Beam: on their shapes, and on themselves where they are."""

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


def shapes(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """An iterator of batches gives one; an empty batch, and none at all, are batches too."""
    made = list(requests.process({"id": list(range(first, first + 30))} for first in range(0, 90, 30)))
    assert [batch["response_body"][-1] for batch in made] == ["29", "59", "89"]
    assert list(requests.process([])) == []
    (empty,) = requests.process([{"id": []}])
    assert empty.keys() == made[0].keys()


def arrow(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """What mapInArrow gives and takes."""
    pyarrow = import_module("pyarrow")
    whole = pyarrow.table({"id": range(100)})
    made = list(requests.process(iter(whole.to_batches(max_chunksize=30))))
    assert [batch.num_rows for batch in made] == [30, 30, 30, 10]
    assert pyarrow.Table.from_batches(made)["response_body"].to_pylist() == [str(number) for number in range(100)]
    (empty,) = requests.process([pyarrow.RecordBatch.from_pylist([], schema=whole.schema)])
    assert empty.schema == made[0].schema


def spark(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = import_module("pyspark.sql")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    session = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        rows = session.range(500).mapInArrow(requests.process, SCHEMA).collect()
    finally:
        session.stop()
    assert sorted(row.id for row in rows) == list(range(500))
    assert all(row.response_body == str(row.id) for row in rows)


def beam(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    beam: Any = import_module("apache_beam")
    util: Any = import_module("apache_beam.testing.util")

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

    with beam.Pipeline(runner="DirectRunner") as pipeline:
        records = pipeline | beam.Create([{"id": number} for number in range(500)])
        batches = records | beam.BatchElements(min_batch_size=50, max_batch_size=200)
        util.assert_that(batches | beam.ParDo(Enrich(requests)), check)


RECIPES = {"pyarrow": arrow, "pyspark": spark, "apache_beam": beam}
HERE = [shapes, *(recipe for package, recipe in RECIPES.items() if find_spec(package))]


@pytest.mark.parametrize("recipe", HERE)
@pytest.mark.filterwarnings("ignore")
def test_a_recipe(requests: Requests, monkeypatch: pytest.MonkeyPatch, recipe: Any) -> None:
    recipe(requests, monkeypatch)
