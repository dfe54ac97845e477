"""Settings: call > config > environment > default, and what each check accepts."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

from pynector import ConfigurationError
from pynector.config import (
    CLIENT_SETTINGS,
    MOST,
    Check,
    Setting,
    at_least,
    flag,
    nearest,
    optional,
    parse_flag,
    parse_float,
    parse_int,
    parse_text,
    positive_seconds,
    resolve,
    seconds,
)

HUGE = 10**400


def test_defaults() -> None:
    assert resolve(CLIENT_SETTINGS, {}, {}) == {"timeout": 30.0, "max_concurrency": None, "max_retry_delay": 60.0}


def test_the_environment_goes_before_the_default() -> None:
    environ = {"PYNECTOR_TIMEOUT": " 2.5 ", "PYNECTOR_MAX_CONCURRENCY": "7", "PYNECTOR_MAX_RETRY_DELAY": "0"}
    assert resolve(CLIENT_SETTINGS, {}, environ) == {"timeout": 2.5, "max_concurrency": 7, "max_retry_delay": 0.0}


def test_what_is_given_goes_before_the_environment() -> None:
    environ = {"PYNECTOR_TIMEOUT": "not even looked at", "PYNECTOR_MAX_CONCURRENCY": "7"}
    given = {"timeout": 4, "max_concurrency": None, "another": 1}
    assert resolve(CLIENT_SETTINGS, given, environ) == {"timeout": 4.0, "max_concurrency": None, "max_retry_delay": 60}


def test_the_process_environment_is_read_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNECTOR_TIMEOUT", "11")
    assert resolve(CLIENT_SETTINGS, {})["timeout"] == 11.0


def test_the_environment_can_ask_for_no_end() -> None:
    assert resolve(CLIENT_SETTINGS, {}, {"PYNECTOR_TIMEOUT": "inf"})["timeout"] == math.inf


def test_a_setting_without_a_parser_is_not_read_from_the_environment() -> None:
    setting = Setting("secret", flag, False)
    assert resolve([setting], {}, {"PYNECTOR_SECRET": "1"}) == {"secret": False}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PYNECTOR_TIMEOUT", "0"),
        ("PYNECTOR_TIMEOUT", "-1"),
        ("PYNECTOR_TIMEOUT", "nan"),
        ("PYNECTOR_TIMEOUT", "abc"),
        ("PYNECTOR_TIMEOUT", "True"),
        ("PYNECTOR_TIMEOUT", ""),
        ("PYNECTOR_TIMEOUT", "1e-999"),
        ("PYNECTOR_MAX_CONCURRENCY", "0"),
        ("PYNECTOR_MAX_CONCURRENCY", "-1"),
        ("PYNECTOR_MAX_CONCURRENCY", "1.5"),
        ("PYNECTOR_MAX_CONCURRENCY", "many"),
        ("PYNECTOR_MAX_RETRY_DELAY", "-1"),
        ("PYNECTOR_MAX_RETRY_DELAY", "inf"),
        ("PYNECTOR_MAX_RETRY_DELAY", "soon"),
    ],
)
def test_a_bad_variable_is_named(variable: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"environment variable {variable} "):
        resolve(CLIENT_SETTINGS, {}, {variable: text})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0),
        ("timeout", "5"),
        ("max_concurrency", 0),
        ("max_concurrency", True),
        ("max_retry_delay", None),
    ],
)
def test_a_bad_argument_is_named(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} must be .*, not {value!r}$"):
        resolve(CLIENT_SETTINGS, {name: value}, {})


@pytest.mark.parametrize("value", [1, 0.001, 5e-324, 2**1000, math.inf])
def test_positive_seconds(value: float) -> None:
    checked = positive_seconds(value, "timeout")
    assert (checked, type(checked)) == (value, float)


@pytest.mark.parametrize("value", [0, -0.0, -1, -math.inf, math.nan, "abc", "5", True, False, None, [], 1j, HUGE])
def test_no_positive_seconds(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"timeout must be a positive number of seconds or math\.inf"):
        positive_seconds(value, "timeout")


@pytest.mark.parametrize("value", [0, 0.0, 1, 2.5])
def test_seconds(value: float) -> None:
    assert seconds(value, "delay") == value


@pytest.mark.parametrize("value", [-1, -1e-9, math.inf, math.nan, "1", True, None, HUGE])
def test_no_seconds(value: object) -> None:
    with pytest.raises(ConfigurationError, match="delay must be a number of seconds, 0 or more"):
        seconds(value, "delay")


@pytest.mark.parametrize("value", [1, 2, MOST])
def test_a_whole_number(value: int) -> None:
    assert at_least(1)(value, "max_concurrency") == value


@pytest.mark.parametrize("value", [MOST + 1, sys.maxsize, 2**63, HUGE])
def test_a_whole_number_beyond_what_can_be_reached_is_as_good_as_the_largest(value: int) -> None:
    assert at_least(1)(value, "max_concurrency") == MOST


@pytest.mark.parametrize("value", [0, -1, True, False, 1.0, 1.5, "1", None])
def test_no_whole_number(value: object) -> None:
    with pytest.raises(ConfigurationError, match="n must be a whole number of at least 1"):
        at_least(1)(value, "n")


def test_optional_accepts_none_beside_the_rest() -> None:
    check = optional(at_least(2))
    assert (check(None, "n"), check(2, "n")) == (None, 2)
    with pytest.raises(ConfigurationError):
        check(1, "n")


def test_a_flag() -> None:
    assert (flag(True, "f"), flag(False, "f")) == (True, False)
    for value in (1, 0, "true", None):
        with pytest.raises(ConfigurationError, match="f must be True or False"):
            flag(value, "f")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("true", True), ("YES", True), ("On", True), ("0", False), ("False", False), ("no", False)],
)
def test_the_text_of_a_flag(text: str, value: bool) -> None:
    assert parse_flag(text, "f") is value


@pytest.mark.parametrize(
    ("parse", "text"), [(parse_flag, "maybe"), (parse_flag, ""), (parse_int, "1.0"), (parse_float, "1,5")]
)
def test_a_text_that_cannot_be_parsed_is_shown(parse: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^where must be .* not {text!r}$"):
        parse(text, "where")


def test_parsers() -> None:
    assert (parse_int("-3", "n"), parse_float("1e3", "x"), parse_text("as is", "t")) == (-3, 1000.0, "as is")


def test_an_unknown_name_gets_the_nearest_known_one() -> None:
    assert nearest("time_out", ["timeout", "params"]) == "did you mean 'timeout'?"
    assert nearest("zzz", ["b", "a"]) == "known are a, b"
    assert nearest("zzz", []) == "known are none"


def test_a_name_that_is_not_near_is_not_taken_for_one() -> None:
    assert nearest("max_retry", ["max_redirects"]) == "known are max_redirects"


def test_the_name_of_another_client_leads_to_ours() -> None:
    assert nearest("ssl", ["cert", "url", "verify"]) == "use verify, cert"
    assert nearest("ssl", ["url"]) == "known are url"


@pytest.mark.parametrize("name", ["max_retries", "retry_delay", "attempt_timeout"])
def test_what_is_about_retries_leads_to_them(name: str) -> None:
    assert nearest(name, ["max_redirects", "max_retry_delay"]) == "retries are request_with_retry's"


@pytest.mark.parametrize("check", [positive_seconds, optional(positive_seconds)])
def test_a_pair_of_timeouts_is_told_that_there_is_one(check: Check) -> None:
    with pytest.raises(ConfigurationError, match=r"timeout must be one positive number of seconds .* not \(3, 10\)"):
        check((3, 10), "timeout")
