"""A field of a head is found as it is among all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynector.transport.http.headers import Headers
from pynector.transport.http.lookup import field_in
from pynector.transport.http.response import Response, content_type_of, response_as_sent

NAMES = ["Content-Type", "content-type", "CONTENT-TYPE", "X-Content-Type", "Content-Types", "Content", "Date", "A"]
VALUES = ["", "text/plain", " a ", "\ta\t", "content-type: b", "x" * 300, "a\ncontent-type: b", "\xe4\xff"]


def head_of(pairs: list[tuple[str, str]]) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *(f"{name}:{value}" for name, value in pairs)]).encode("latin-1")


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=8))
def test_it_is_found_as_among_all(pairs: list[tuple[str, str]]) -> None:
    head = head_of(pairs)
    same = [value.strip(" \t") for name, value in pairs if name.lower() == "content-type"]
    value = Headers.of_head(head).get("content-type")
    assert value == (", ".join(same) if same else None)
    assert field_in(head, b"content-type") == value
    assert Headers.of_head(head).first_look("content-type") == value
    response = response_as_sent(200, head, b"", ("http", "a", 80), b"/", "1.1", 0.0, ())
    assert content_type_of(response) == (value or "")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK", b"\r\n", b"\n", b"\ncontent-type: a", b"content-type: a"])
def test_what_has_no_fields_has_none(head: bytes) -> None:
    assert field_in(head, b"content-type") is None


def test_fields_that_were_given_are_looked_up_there() -> None:
    response = Response(200, Headers([("Content-Type", "a"), ("content-type", "b")]), b"", "http://a/")
    assert content_type_of(response) == "a, b"
