"""What tells whether a request is the one that it was in an earlier run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from pynector import HTTPRequest
from pynector.transport.essence import essence_of
from pynector.transport.http.essence import request_essence

BASE = "https://h/v1"
POST: dict[str, Any] = {
    "method": "POST",
    "path": "/p",
    "params": {"q": [1, "a"]},
    "json": {"a": [1, None, "caf\ud800"]},
}


def of(data: Any, base: object = BASE, **options: Any) -> bytes:
    return request_essence(data, options, base)


def test_the_same_description_says_the_same_whatever_its_form() -> None:
    assert of(POST) == of({**POST, "json": {"a": (1, None, "caf\ud800")}}) == of(HTTPRequest(**POST))
    assert (
        of({**POST, "headers": {"Authorization": "Bearer 1"}}) == of({**POST, "cookies": {"session": "2"}}) == of(POST)
    )
    assert of(POST, headers={"Authorization": "Bearer 1"}, timeout=5) == of(POST, auth="3")


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ({**POST, "method": "PUT"}, {}),
        ({**POST, "path": "/q"}, {}),
        ({**POST, "params": {"q": [1, "b"]}}, {}),
        ({**POST, "json": {"a": [1, None]}}, {}),
        ({**POST, "json": None, "content": b"a"}, {}),
        (POST, {"base": "https://h/v2"}),
        (POST, {"params": {"r": 1}}),
        (POST["json"], {}),
        (b"a", {}),
        (b"\xff", {}),
        ("a", {"path": "/p"}),
    ],
)
def test_another_description_says_something_else(data: Any, options: Any) -> None:
    assert of(data, **options) != of(POST)


def test_what_can_be_read_once_is_not_read(tmp_path: Path) -> None:
    file, pieces = io.BytesIO(b"a"), iter([b"a"])
    said = [of({"path": "/p", "content": content}) for content in (file, pieces)]
    assert said[0] != said[1]
    assert (file.tell(), next(pieces)) == (0, b"a")
    assert of({"path": "/p", "content": io.BytesIO(b"b")}) == said[0]


def test_whatever_it_is_it_says_something() -> None:
    circular: list[Any] = []
    circular.append(circular)
    assert essence_of(circular) == b""
    assert essence_of({1: {2}, (3,): memoryview(b"a"), "b": bytearray(b"c"), "d": POST.items()})
