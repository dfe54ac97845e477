"""Batches, singles, streams, retries and uploads to a server that breaks off wherever it can: all loops and engines."""

from __future__ import annotations

import pytest

from .cases import CASES, Case, tried
from .http_plan import Act, Call, HTTPPlan
from .http_trial import HTTPTrial
from .trial import Verdict

SEED = 13
COUNT = 420
# So that there are several clients.
ROUND = 200
MANY = 20_000

# What there must be among the ends, or it was no trial.
KINDS = {
    "http": ("answered", "cancelled", "ConnectError none", "ConnectionLost full", "HTTPStatusError full"),
    "websocket": ("answered", "cancelled", "WebSocketClosed full"),
}

every_case = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the machine that runs the tests are not to change them."""
    monkeypatch.setenv("PYNECTOR_TRUST_ENV", "false")


def check(case: Case, verdict: Verdict, count: int) -> None:
    assert not verdict.problems, "\n\n".join([f"{len(verdict.problems)} problems", *verdict.problems[:5]])
    assert verdict.counts.total() == count
    assert verdict.counts["answered"] > count // 2
    kinds = KINDS["websocket" if case.engine in ("fifo", "id") else "http"]
    assert all(verdict.counts[kind] for kind in kinds), verdict
    print(f"{case}: {verdict}")


@every_case
def test_every_request_ends_once_with_its_own_answer_or_a_true_error(case: Case) -> None:
    check(case, tried(case, range(COUNT), case.trial(SEED), ROUND), COUNT)


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@every_case
def test_every_one_of_very_many_requests_ends_so(case: Case) -> None:
    check(case, tried(case, range(MANY), case.trial(SEED)), MANY)


class Crumbs(HTTPPlan):
    """Answers that come in very small pieces, and are read as they come or as a whole."""

    def call(self, key: int) -> Call:
        return Call(key, ("stream", "request")[key % 2], "GET", as_response=key % 3 == 0, salt=key)

    def act(self, call: Call, hop: int, attempt: int, method: str) -> Act:
        framing = ("length", "chunked", "close")[call.key % 3]
        cuts = ("bytes", "lines")[call.key // 3 % 2]
        return Act(framing=framing, is_coded=call.key % 5 == 0, size=80, cuts=cuts, pace=0.001, salt=call.key)


class Farewells(HTTPPlan):
    """POSTs to a server that ends each connection together with its first answer."""

    def call(self, key: int) -> Call:
        return Call(key, "batch" if key % 2 else "request", "POST", "bytes", size=20)

    def act(self, call: Call, hop: int, attempt: int, method: str) -> Act:
        return Act("parting", after="fin", size=100)


over_http = pytest.mark.parametrize("case", [case for case in CASES if case.engine in ("native", "httpx")], ids=str)


@over_http
def test_an_answer_is_whole_however_it_is_cut(case: Case) -> None:
    verdict = tried(case, range(120), HTTPTrial(case.engine, Crumbs(SEED), f"{__name__} {case}"))
    assert not verdict.problems, "\n\n".join(verdict.problems[:5])
    assert verdict.counts == {"answered": 120}


@over_http
def test_no_post_is_put_on_a_connection_that_ended_with_its_answer(case: Case) -> None:
    verdict = tried(case, range(150), HTTPTrial(case.engine, Farewells(SEED), f"{__name__} {case}"))
    assert not verdict.problems, verdict.problems
    assert verdict.counts == {"answered": 150}
