"""Record batches of each kind: what is read of them, and what they come back with."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from pynector import ConfigurationError
from pynector.integrations.many.columns import Column, length_of, names_of, records_of, with_columns

RECORDS = [{"id": 1, "name": "a", "tags": [1, 2]}, {"id": 2, "name": None, "tags": []}]
ADDED = [
    Column("status", "int", [200, None]),
    Column("error", "text", [None, "E"]),
    Column("body", "bytes", [b"x", None]),
    Column("elapsed", "float", [0.5, 0.0]),
    Column("json", "any", ["{}", None]),
]


def lists() -> Any:
    return {name: [record[name] for record in RECORDS] for name in RECORDS[0]}


def arrays() -> Any:
    numpy = import_module("numpy")
    tags = numpy.empty(2, dtype=object)
    tags[0], tags[1] = numpy.array([1, 2]), numpy.array([], dtype=int)
    return {"id": numpy.array([1, 2]), "name": numpy.array(["a", None], dtype=object), "tags": tags}


def frame() -> Any:
    return import_module("pandas").DataFrame(RECORDS, index=[5, 7])


def table() -> Any:
    return import_module("pyarrow").Table.from_pylist(RECORDS)


def record_batch() -> Any:
    return import_module("pyarrow").RecordBatch.from_pylist(RECORDS)


def dicts() -> Any:
    return [dict(record) for record in RECORDS]


# Those of packages that are there.
OF_ARROW = [table, record_batch] if find_spec("pyarrow") else []
OF_PANDAS = [frame] if find_spec("pandas") else []
COLUMNS = [lists, *([arrays] if find_spec("numpy") else []), *OF_PANDAS, *OF_ARROW]
KINDS = [*COLUMNS, dicts]


@pytest.mark.parametrize("make", KINDS)
def test_records_are_plain_values(make: Any) -> None:
    batch = make()
    assert (length_of(batch), names_of(batch)) == (2, ["id", "name", "tags"])
    records = list(records_of(batch))
    assert records == RECORDS
    assert [type(record["id"]) for record in records] == [int, int]
    assert type(records[0]["tags"]) is list


@pytest.mark.parametrize("make", COLUMNS)
def test_only_the_columns_that_are_wanted_are_read(make: Any) -> None:
    assert list(records_of(make(), {"id", "other"})) == [{"id": 1}, {"id": 2}]
    assert list(records_of(make(), set())) == [{}, {}]


@pytest.mark.parametrize("make", KINDS)
def test_a_batch_comes_back_with_more_columns_and_is_of_its_kind(make: Any) -> None:
    batch = make()
    full = with_columns(batch, ADDED)
    assert type(full) is type(batch)
    assert names_of(full) == [*names_of(batch), *(column.name for column in ADDED)]
    for record, before, row in zip(records_of(full), RECORDS, range(2), strict=True):
        assert record == {**before, **{column.name: column.values[row] for column in ADDED}}
    assert names_of(batch) == ["id", "name", "tags"]


@pytest.mark.parametrize("make", OF_ARROW)
def test_the_types_of_arrow_are_the_same_whatever_is_there(make: Any) -> None:
    batch = make()
    nothing = [Column(column.name, column.kind, [None, None]) for column in ADDED]
    assert with_columns(batch, nothing).schema == with_columns(batch, ADDED).schema


@pytest.mark.parametrize("make", OF_PANDAS)
def test_the_types_of_pandas_are_the_same_whatever_is_there(make: Any) -> None:
    batch = make()
    nothing = [Column(column.name, column.kind, [None, None]) for column in ADDED]
    assert list(with_columns(batch, nothing).dtypes) == list(with_columns(batch, ADDED).dtypes)


@pytest.mark.parametrize("name", ["pandas"] if OF_PANDAS else [])
def test_missing_numbers_of_pandas_are_none(name: str) -> None:
    pandas = import_module(name)
    batch = pandas.DataFrame({"a": pandas.array([1, None], dtype="Int64"), "b": [1.5, float("nan")]})
    assert list(records_of(batch)) == [{"a": 1, "b": 1.5}, {"a": None, "b": None}]


@pytest.mark.parametrize("name", ["pandas"] if OF_PANDAS else [])
def test_frames_whose_index_and_names_are_anything(name: str) -> None:
    pandas = import_module(name)
    batch = pandas.DataFrame([[1, "a"], [2, "b"]], index=[7, 7])
    assert list(records_of(batch, {"1"})) == [{"1": "a"}, {"1": "b"}]
    full = with_columns(batch, [Column("status", "int", [200, 404])])
    assert (list(full.index), list(full["status"])) == ([7, 7], [200, 404])


@pytest.mark.parametrize("name", ["numpy"] if find_spec("numpy") else [])
def test_times_of_numpy_are_times(name: str) -> None:
    numpy = import_module(name)
    times = numpy.array(["2026-11-27T10:00", "NaT"], dtype="datetime64[ns]")
    assert list(records_of({"at": times, "for": times - times})) == [
        {"at": datetime(2026, 11, 27, 10), "for": timedelta(0)},
        {"at": None, "for": None},
    ]


@pytest.mark.parametrize("name", ["numpy"] if find_spec("numpy") else [])
def test_values_of_numpy_in_dicts_are_plain(name: str) -> None:
    numpy = import_module(name)
    (record,) = records_of([{"id": numpy.int64(7), "tags": numpy.array([1, 2])}])
    assert (record, type(record["id"])) == ({"id": 7, "tags": [1, 2]}, int)


@pytest.mark.parametrize("name", ["pyarrow"] if OF_ARROW else [])
def test_types_of_arrow(name: str) -> None:
    arrow = import_module(name)
    values = {
        "dictionary": (["a", None, "a"], arrow.dictionary(arrow.int32(), arrow.string())),
        "large": (["a", None, "b"], arrow.large_string()),
        "view": (["a", None, "b"], arrow.string_view()),
        "struct": ([{"id": 1, "of": [{"a": None}]}, None, None], None),
        "list": ([[1, None], None, []], arrow.large_list(arrow.int8())),
        "map": ([[("a", 1)], None, []], arrow.map_(arrow.string(), arrow.int64())),
        "at": ([datetime(2026, 11, 27), None, None], arrow.timestamp("ns")),
        "day": ([date(2026, 11, 27), None, None], arrow.date32()),
        "decimal": ([Decimal("1.50"), None, None], arrow.decimal128(5, 2)),
        "none": ([None, None, None], arrow.null()),
    }
    batch = arrow.table({name: arrow.array(*of) for name, of in values.items()})
    for sliced in (batch, batch.slice(0, 3), arrow.concat_tables([batch.slice(0, 1), batch.slice(1)])):
        records = list(records_of(sliced))
        assert {name: [record[name] for record in records] for name in values} == {
            name: of[0] for name, of in values.items()
        }
    assert with_columns(batch, ADDED[:0]).schema == batch.schema
    assert list(records_of(batch.slice(0, 0))) == []


@pytest.mark.parametrize("make", [*OF_PANDAS, *OF_ARROW])
def test_two_columns_of_a_name_are_refused_where_it_is_wanted(make: Any) -> None:
    batch = make()
    if hasattr(batch, "schema"):
        double = type(batch).from_arrays([*batch.columns, batch.column(0)], names=[*batch.schema.names, "id"])
    else:
        double = import_module("pandas").concat([batch, batch[["id"]]], axis=1)
    assert [record["name"] for record in records_of(double, {"name"})] == ["a", None]
    with pytest.raises(ConfigurationError, match="two columns 'id'"):
        records_of(double, {"id"})


def test_an_empty_batch() -> None:
    assert (length_of({}), list(records_of({})), list(records_of([]))) == (0, [], [])
    assert with_columns({"id": []}, [Column("status", "int", [])]) == {"id": [], "status": []}


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (7, "not int"),
        ("text", "not str"),
        ([1, 2], "not list"),
        ({"a": [1], "b": [1, 2]}, "of one length"),
        (SimpleNamespace(), "not SimpleNamespace"),
    ],
)
def test_what_is_no_record_batch_is_refused(batch: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        names_of(batch)


def test_nothing_is_imported_for_who_has_lists() -> None:
    import subprocess

    code = (
        "import sys; from pynector.integrations.many import Requests; "
        "from pynector.integrations.many.columns import *; records_of({'a': [1]}); "
        "print(sorted({'pyarrow', 'pandas', 'numpy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
