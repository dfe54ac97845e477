"""The names and values of the conventions, and what a propagator of the program's own may do."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from pynector import ConnectionLost, HTTPStatusError, TimeoutError
from pynector.telemetry import propagation
from pynector.telemetry.conventions import error_type, redacted
from pynector.telemetry.propagation import injected
from pynector.transport.http import Response
from pynector.transport.http.headers import Headers


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://a/b", "http://a/b"),
        ("http://a/b?", "http://a/b?REDACTED"),
        ("http://a/b?secret", "http://a/b?REDACTED"),
        ("http://a/b?k=v&l=w&x", "http://a/b?k=REDACTED&l=REDACTED&REDACTED"),
        ("http://a/b?k=v=w?x", "http://a/b?k=REDACTED"),
    ],
)
def test_of_a_query_the_names_are_told(url: str, told: str) -> None:
    assert redacted(url) == told


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ConnectionLost("x"), "pynector.ConnectionLost"),
        (TimeoutError("x"), "pynector.TimeoutError"),
        (builtins.TimeoutError("x"), "builtins.TimeoutError"),
        (HTTPStatusError("x", response=Response(418, Headers([]), b"", "http://a/")), "418"),
    ],
)
def test_an_error_is_told_by_its_class(error: BaseException, name: str) -> None:
    assert error_type(error) == name


def test_a_propagator_adds_no_field_that_breaks_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    propagate = pytest.importorskip("opentelemetry.propagate")

    def inject(carrier: dict[str, Any], context: Any) -> None:
        carrier.update(
            {"good": "1", "own": "2", "bad": "1\r\nEvil: 1", "b\u00e4d": "1", "na me": "1", "late": "\u00e9"}
        )

    monkeypatch.setattr(propagate, "inject", inject)
    rule = propagation("all", "propagate")
    assert rule.chosen(injected({}), [("Own", "mine")]) == [("good", "1")]
