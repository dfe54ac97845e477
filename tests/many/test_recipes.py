"""The recipes of docs/many-machines.md for Spark and Beam: on their shapes, and with them where they are."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

import snippets
from pynector.integrations.many import Requests
from pynector.testing import LoopbackServer


def requests_to(server: LoopbackServer) -> Requests:
    return Requests({"base_url": server.url}, path="/id/{id}", answer="text")


def shapes(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An iterator of batches gives one; an empty batch, and none at all, are batches too."""
    with requests_to(server) as requests:
        made = list(requests.process({"id": list(range(first, first + 30))} for first in range(0, 90, 30)))
        assert [batch["response_body"][-1] for batch in made] == ["29", "59", "89"]
        assert list(requests.process([])) == []
        (empty,) = requests.process([{"id": []}])
        assert empty.keys() == made[0].keys()


def arrow(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What mapInArrow gives and takes."""
    pyarrow = import_module("pyarrow")
    whole = pyarrow.table({"id": range(100)})
    with requests_to(server) as requests:
        made = list(requests.process(iter(whole.to_batches(max_chunksize=30))))
        assert [batch.num_rows for batch in made] == [30, 30, 30, 10]
        assert pyarrow.Table.from_batches(made)["response_body"].to_pylist() == [str(n) for n in range(100)]
        (empty,) = requests.process([pyarrow.RecordBatch.from_pylist([], schema=whole.schema)])
        assert empty.schema == made[0].schema


def spark(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    # The snippet finds this session, and ends with it.
    builder = import_module("pyspark.sql").SparkSession.builder
    session = builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        run_snippet("pyspark", server)
    finally:
        session.stop()


def beam(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # The runner that needs no other program.
    monkeypatch.setattr("sys.argv", ["snippet", "--runner=DirectRunner"])
    run_snippet("apache_beam", server)


def run_snippet(package: str, server: LoopbackServer) -> None:
    (block,) = snippets.about(package)
    snippets.check(block, {snippets.SERVER: server.url})["requests"].close()


RECIPES = {"pyarrow": arrow, "pyspark": spark, "apache_beam": beam}
HERE = [shapes, *(recipe for package, recipe in RECIPES.items() if find_spec(package))]


@pytest.mark.parametrize("recipe", HERE)
@pytest.mark.filterwarnings("ignore")
def test_a_recipe(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, recipe: Any) -> None:
    recipe(server, monkeypatch)
