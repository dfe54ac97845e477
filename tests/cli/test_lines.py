"""What is JSON in a line of a batch's output: as Python's own parser has it, but for what is none."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pynector.cli.lines import is_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
ODD = '{}[]:,"\\ \t\n\r\x00\x1f\x7fabefnrtul0123456789+-.EN/\u00e9\ufeff'


def refused(name: str) -> Any:
    raise ValueError(name)


def is_valid(text: str) -> bool:
    try:
        json.loads(text, parse_constant=refused, parse_int=str)
    except ValueError:
        return False
    return True


@given(VALUES, st.booleans(), st.sampled_from([None, 0, 3]), st.lists(st.tuples(st.integers(0), st.sampled_from(ODD))))
def test_it_is_what_python_takes(value: Any, ascii_only: bool, indent: int | None, changes: list[Any]) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    text = text.encode("utf-8", "replace").decode()
    assert is_json(text.encode())
    for place, letter in changes:
        at = place % (len(text) + 1)
        text = text[:at] + letter + text[at + place % 2 :]
        assert is_json(text.encode()) is is_valid(text), text


def test_what_is_json() -> None:
    said = [
        " 0 ",
        "-0",
        "1.5e+3",
        "1E5",
        '"\\ud800"',
        '"\\/"',
        "[[[]]]",
        '{"a":1,"a":2}',
        "[1]\r\n",
        "[" * 100 + "]" * 100,
    ]
    # An int of more digits than Python's own may have.
    # No more levels, of strings that look like them either.
    deep = ["[" * 512 + "]" * 512, '{"a":' * 512 + '"\\"[["' + "}" * 512, "[" * 400 + '"[[[{"' * 1 + "]" * 400]
    for text in [*said, *deep, "[" + "[]," * 1000 + "[]]", "9" * 5000]:
        assert is_json(text.encode()), text


def test_what_is_none() -> None:
    said = [
        "",
        " ",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "- 1",
        "NaN",
        "-Infinity",
        "Infinity",
        "tru",
        "nulls",
        "1 2",
    ]
    said += ['"', '"a', '"\\', '"\\u12"', '"\\u123g"', '"\\u12', '"\\x"', '"\n"', "'a'", "1\x00", "\x00", '"\\\x00"']
    said += [
        "{",
        "[",
        "]",
        "{]",
        "[}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{1:2}",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        "{,}",
        '{"a" 1}',
    ]
    too_deep = ["[" * number + "]" * number for number in (513, 100_000)]
    for text in [*said, "nulls", '{"a" 1}', "[1", '{"a":1', '{"a', "\ufeff1", *too_deep]:
        assert not is_json(text.encode()), text[:20]
