"""What an answer's fields ask for: each form as servers send it, and whatever else may stand there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proportion import assert_in_proportion
from pynector.transport.http.headers import Headers
from pynector.transport.http.ratelimit import LONGEST, pause_asked_for

# 2026-11-27 04:00:00 UTC.
NOW = 1_795_752_000.0


def asked(status: int, *fields: str) -> float:
    pairs = [field.partition(": ") for field in fields]
    return pause_asked_for(status, Headers([(name, value) for name, _, value in pairs]), NOW)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_goes_before_all_else(status: int) -> None:
    others = ['RateLimit: "default";r=0;t=90', "X-RateLimit-Reset: 600"]
    assert asked(status, "Retry-After: 20", *others) == 20
    assert asked(status, "Retry-After: Fri, 27 Nov 2026 04:00:30 GMT") == 30
    # The server's clock is an hour behind.
    date = "Date: Fri, 27 Nov 2026 03:00:00 GMT"
    assert asked(status, "Retry-After: Fri, 27 Nov 2026 03:00:30 GMT", date) == 30


def test_retry_after_of_another_status_is_not_for_the_origin() -> None:
    assert asked(301, "Retry-After: 20") == 0
    assert asked(200, "Retry-After: 20") == 0


@pytest.mark.parametrize("retry_after", ["soon", "-1", "0", "", "1e3", "9" * 400, f"{LONGEST + 1}", "inf", "nan"])
def test_a_retry_after_that_says_nothing_hides_nothing(retry_after: str) -> None:
    assert asked(429, f"Retry-After: {retry_after}") == 0
    assert asked(429, f"Retry-After: {retry_after}", "RateLimit: a;r=0;t=9") == 9


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (['RateLimit: "default";r=0;t=30'], 30),
        (['RateLimit: "default";r=50;t=30'], 0),
        (['RateLimit: "a";r=0;t=5, "b, \\";t=99";r=0;t=7;pk=:YQ==:,"c";r=3;t=60'], 7),
        (['RateLimit: "a";r=0;t=5', 'RateLimit: "b";t=8; r=0; acme-burst'], 8),
        (['RateLimit: "a";r=0', 'RateLimit-Policy: "a";q=10;w=60, "b";q=5;w=9'], 60),
        (['RateLimit: "a";r=0', 'RateLimit-Policy: "b";q=5;w=9'], 0),
        (['RateLimit: "a";r=0;t=5', 'RateLimit-Policy: "a";q=10;qu="concurrent-requests"'], 0),
        (["RateLimit: limit=100, remaining=0, reset=12"], 12),
        (["RateLimit: limit=100, remaining=1, reset=12"], 0),
        (["RateLimit-Limit: 10", "RateLimit-Remaining: 0", "RateLimit-Reset: 4"], 4),
        (["RateLimit-Remaining: 1", "RateLimit-Reset: 4"], 0),
        # Durations, as OpenAI has them.
        (["x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 6m0s"], 360),
        (["x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 20ms"], 0.02),
        (["x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 1h2m3.5s"], 3723.5),
        (
            [
                "x-ratelimit-remaining-requests: 0",
                "x-ratelimit-reset-requests: 1s",
                "x-ratelimit-remaining-tokens: 7",
                "x-ratelimit-reset-tokens: 9s",
            ],
            1,
        ),
        # Seconds since the epoch, as GitHub has them; seconds, milliseconds since the epoch, and dates, as others.
        (["X-RateLimit-Remaining: 0", f"X-RateLimit-Reset: {NOW + 90:.0f}"], 90),
        (["X-RateLimit-Remaining: 0", f"X-RateLimit-Reset: {(NOW + 90) * 1000:.0f}"], 90),
        (
            [
                "X-RateLimit-Remaining: 0",
                f"X-RateLimit-Reset: {NOW - 3510:.0f}",
                "Date: Fri, 27 Nov 2026 03:00:00 GMT",
            ],
            90,
        ),
        (["x-rate-limit-remaining: 0", "x-rate-limit-reset: 90"], 90),
        (["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: Fri, 27 Nov 2026 04:01:00 GMT"], 60),
        # RFC 3339, as Anthropic has it.
        (
            [
                "anthropic-ratelimit-requests-remaining: 0",
                "anthropic-ratelimit-requests-reset: 2026-11-27T04:00:10Z",
                "anthropic-ratelimit-output-tokens-remaining: 0",
                "anthropic-ratelimit-output-tokens-reset: 2026-11-27T05:00:15.250+01:00",
                "anthropic-ratelimit-tokens-remaining: 900",
                "anthropic-ratelimit-tokens-reset: 2026-11-27T04:00:50Z",
            ],
            15.25,
        ),
        (["x-ratelimit-remaining: 0", f"x-ratelimit-reset: {NOW - 5:.0f}"], 0),
        (["x-ratelimit-remaining: 0"], 0),
        (["content-type: text/plain"], 0),
    ],
)
def test_a_quota_of_which_nothing_is_left_is_waited_for(fields: list[str], seconds: float) -> None:
    assert asked(200, *fields) == pytest.approx(seconds, abs=1e-3)
    if seconds:
        assert asked(403, *fields) == asked(429, *fields) == asked(200, *fields)


def test_where_a_429_says_of_no_quota_that_it_is_spent_it_is_the_one_that_comes_first() -> None:
    fields = [
        "x-ratelimit-remaining-requests: 59",
        "x-ratelimit-reset-requests: 1m0s",
        "x-ratelimit-remaining-tokens: 120",
        "x-ratelimit-reset-tokens: 6s",
    ]
    assert (asked(429, *fields), asked(503, *fields)) == (6, 0)
    assert asked(429, "X-RateLimit-Reset: 12") == 12
    assert asked(429) == 0


@pytest.mark.parametrize(
    "field",
    [
        'RateLimit: "a";r=0;t=30, "b',
        'RateLimit: "a";r=0;t=30;;',
        'RateLimit: "a";r=0;t=-30',
        'RateLimit: "a";r=0;t=x',
        'RateLimit: "a";r=0;t="30"',
        'RateLimit: "a" r=0;t=30',
        f'RateLimit: "a";r=0;t={LONGEST + 1:.0f}',
        "RateLimit: ;r=0;t=30",
        "RateLimit: remaining=0, reset=soon",
        "X-RateLimit-Reset: 30, 40",
        "X-RateLimit-Reset: 6m0",
        "X-RateLimit-Reset: m",
        "X-RateLimit-Reset: 1..5s",
        "X-RateLimit-Reset: ٣٠",
        "X-RateLimit-Reset: 2026-13-27T04:00:10Z",
        "X-RateLimit-Reset: 2026-11-27T04:00:10",
        "X-RateLimit-Reset: 123456789",
        f"X-RateLimit-Reset: {NOW + 2 * LONGEST:.0f}",
    ],
)
def test_what_is_malformed_or_absurd_is_not_there(field: str) -> None:
    assert asked(429, "X-RateLimit-Remaining: 0", field) == 0


def test_what_a_quota_has_left_where_that_is_malformed_is_not_known() -> None:
    for remaining in ["-1", "none", "", "0, 0"]:
        fields = [f"x-ratelimit-remaining: {remaining}", "x-ratelimit-reset: 5"]
        assert (asked(200, *fields), asked(429, *fields)) == (0, 5)


pieces = st.sampled_from(
    [
        *[
            '"a"',
            "a",
            ";r=0",
            ";t=30",
            ";t",
            "=",
            ",",
            '"',
            "\\",
            "1",
            "0",
            "9" * 19,
            ".",
            "m",
            "ms",
            "T",
            "Z",
            "+",
            ":",
        ],
        *[
            " ",
            "limit=1",
            "reset=5",
            "2026-11-27",
            "04:00:10",
            "Fri, 27 Nov 2026 04:00:10 GMT",
            "+99:99",
            "-9999",
            "µs",
        ],
    ]
)
values = st.one_of(
    st.lists(pieces, max_size=8).map("".join), st.binary(max_size=30).map(lambda text: text.decode("latin-1"))
)
names = st.sampled_from(
    [
        *["retry-after", "date", "ratelimit", "ratelimit-policy", "ratelimit-remaining", "ratelimit-reset"],
        *["x-ratelimit-remaining", "x-ratelimit-reset", "anthropic-ratelimit-requests-reset"],
    ]
)


@given(status=st.sampled_from([200, 429, 503]), headers=st.dictionaries(names, values, max_size=5))
def test_any_text_is_a_pause_or_none(status: int, headers: dict[str, str]) -> None:
    assert 0.0 <= pause_asked_for(status, headers, NOW) <= LONGEST


@pytest.mark.parametrize("text", ['"a', "a;", "1s", '"a";r=0 ', "a;b=", " "])
@pytest.mark.parametrize("name", ["RateLimit", "RateLimit-Policy", "X-RateLimit-Reset", "Retry-After", "Date"])
def test_a_long_field_takes_time_in_proportion_to_its_length(name: str, text: str) -> None:
    def prepare(count: int) -> Callable[[], object]:
        field = f"{name}: {text * count}x"
        return lambda: asked(429, 'RateLimit: "a";r=0;t=1', field)

    assert_in_proportion(prepare, 2_000)
