"""Record batches: what engines give, and take back with columns more. Nothing of theirs is imported before it is there.

They are pyarrow's tables and record batches, pandas' frames, dicts of columns (lists, or arrays of numpy), and lists of
dicts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from ...errors import ConfigurationError

Kind = Literal["int", "float", "text", "bytes", "any"]


class Column(NamedTuple):
    """A column to be added.

    Attributes:
        name: Its name.
        kind: What its values are, or None.
        values: One for each record.
    """

    name: str
    kind: Kind
    values: list[Any]


def names_of(batch: Any) -> list[str]:
    """Return the names of the columns.

    Raises:
        ConfigurationError: If it is no record batch.
    """
    package = _package(batch)
    if package == "pyarrow":
        return list(batch.schema.names)
    if package == "pandas":
        return [str(name) for name in batch.columns]
    if isinstance(batch, Mapping):
        return list(batch)
    return list(dict.fromkeys(name for record in batch for name in record))


def is_typed(batch: Any) -> bool:
    """Return whether columns have types, of which none is for any value of JSON."""
    return _package(batch) in ("pyarrow", "pandas")


def length_of(batch: Any) -> int:
    """Return how many records there are."""
    if _package(batch) == "pyarrow":
        return int(batch.num_rows)
    return len(next(iter(batch.values()), ())) if isinstance(batch, Mapping) else len(batch)


def records_of(batch: Any, wanted: Collection[str] | None = None) -> Iterator[dict[str, Any]]:
    """Return the records, in plain Python values; what is missing is None. Each is made when it is asked for.

    Args:
        batch: The batch.
        wanted: The names of the columns that are wanted; None for all.
    """
    package = _package(batch)
    if package == "":
        return (
            {name: _plain(value) for name, value in record.items() if wanted is None or name in wanted}
            for record in batch
        )
    columns = columns_of(batch, wanted)
    if not columns:
        return ({} for _ in range(length_of(batch)))
    names = list(columns)
    if len(names) == 1:
        return ({names[0]: value} for value in columns[names[0]])
    return (dict(zip(names, values)) for values in zip(*columns.values(), strict=True))  # noqa: B905 (a third slower)


def columns_of(batch: Any, wanted: Collection[str] | None = None) -> dict[str, list[Any]]:
    """Return the values of columns by their names, in plain Python values; what is missing is None.

    Args:
        batch: The batch, but no list of dicts.
        wanted: The names of the columns that are wanted; None for all.

    Raises:
        ConfigurationError: If two columns have a name that is wanted.
    """
    package = _package(batch)
    columns: dict[str, list[Any]] = {}
    for place, name in enumerate(names_of(batch)):
        if wanted is not None and name not in wanted:
            continue
        if name in columns:
            raise ConfigurationError(f"a record batch has two columns {name!r}")
        if package == "pyarrow":
            columns[name] = batch.column(place).to_pylist()
        elif package == "pandas":
            columns[name] = _from_pandas(batch.iloc[:, place])
        else:
            columns[name] = _from_column(batch[name])
    return columns


def with_columns(batch: Any, added: Iterable[Column]) -> Any:
    """Return a batch of the same kind with more columns; those that are there are not copied."""
    package = _package(batch)
    if package == "pyarrow":
        return _to_arrow(batch, added)
    if package == "pandas":
        return batch.assign(**{column.name: _pandas_column(column, batch.index) for column in added})
    if package == "dict":
        is_numpy = any(_is_numpy(values) for values in batch.values())
        return {**batch, **{name: _as_numpy(values) if is_numpy else values for name, _, values in added}}
    names = [column.name for column in added]
    rows = zip(*(column.values for column in added), strict=True)
    return [{**record, **dict(zip(names, row, strict=True))} for record, row in zip(batch, rows, strict=True)]


def _package(batch: Any) -> str:
    """Return the package of a batch: "pyarrow", "pandas", "dict" for a dict of columns, "" for a list of dicts."""
    package = type(batch).__module__.partition(".")[0]
    if package == "pyarrow" and hasattr(batch, "schema") and hasattr(batch, "num_rows"):
        return package
    if package == "pandas" and hasattr(batch, "columns"):
        return package
    if isinstance(batch, Mapping):
        if len({len(values) for values in batch.values() if hasattr(values, "__len__")}) <= 1:
            return "dict"
        raise ConfigurationError("the columns of a record batch must be of one length")
    if isinstance(batch, (list, tuple)) and all(isinstance(record, dict) for record in batch):
        return ""
    said = "a table or record batch of pyarrow, a frame of pandas, a dict of columns, or a list of dicts"
    raise ConfigurationError(f"a record batch must be {said}, not {type(batch).__name__}")


def _from_pandas(column: Any) -> list[Any]:
    missing = column.isna()
    if missing.any():
        column = column.astype(object).where(~missing, None)
    return _from_column(column)


def _from_column(column: Any) -> list[Any]:
    kind = getattr(getattr(column, "dtype", None), "kind", "O")
    if kind in "mM" and _is_numpy(column):
        # Nanoseconds would be numbers.
        column = column.astype(f"{kind}8[us]")
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    # Those of objects have what was put in, arrays and numbers of numpy too.
    return [_plain(value) for value in values] if kind in "OV" else values


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _to_arrow(batch: Any, added: Iterable[Column]) -> Any:
    import pyarrow

    types = {
        "int": pyarrow.int32(),
        "float": pyarrow.float64(),
        "text": pyarrow.string(),
        "bytes": pyarrow.binary(),
        # Of one type in all batches, whatever is in each.
        "any": pyarrow.string(),
    }
    schema, arrays = batch.schema, list(batch.columns)
    for name, kind, values in added:
        schema = schema.append(pyarrow.field(name, types[kind]))
        arrays.append(pyarrow.array(values, types[kind]))
    return type(batch).from_arrays(arrays, schema=schema)


def _pandas_column(column: Column, index: Any) -> Any:
    import pandas

    types: dict[Kind, Any] = {"int": "Int32", "float": "float64", "text": "string", "any": "string"}
    return pandas.Series(column.values, index=index, dtype=types.get(column.kind) or _pandas_bytes())


def _pandas_bytes() -> Any:
    import pandas

    try:
        import pyarrow
    except ImportError:
        return "object"
    # What writes a frame to a file, as Dask does, must know the type before there are values.
    return pandas.ArrowDtype(pyarrow.binary())


def _is_numpy(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "numpy"


def _as_numpy(values: list[Any]) -> Any:
    import numpy

    # One by one, as lists in it would be made to more dimensions.
    array = numpy.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array
