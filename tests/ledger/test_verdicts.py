"""The ledger finds what it is there to find: false claims, another's answer, what comes or is executed too often."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from pynector import ConnectionLost, RemoteError, TimeoutError

from . import http_verdict, ws_verdict
from .book import Arrival, Row
from .cases import CASES, tried
from .http_plan import Act, Call, HTTPPlan, answer_text
from .http_trial import HTTPTrial
from .outcome import Outcome
from .ws_frames import Frame, frame, message, parsed
from .ws_plan import Message, Reply, WebSocketPlan

POST = Call(7, "request", "POST", "bytes", size=10)
GET = Call(7, "request", "GET")


def row(*arrivals: Arrival) -> Row:
    return Row(list(arrivals))


def arrival(attempt: int = 0, method: str = "POST", act: Act | Reply | None = None, answered: str = "whole") -> Arrival:
    return Arrival(7, 0, attempt, method, 1, act or Act(), executed=True, answered=answered)


def ended(result: object) -> Outcome:
    outcome = Outcome()
    outcome.take(result)
    return outcome


def own(method: str = "POST") -> bytes:
    return answer_text(7, 0, 0, method, 0)


@pytest.mark.parametrize(
    ("call", "outcome", "what", "said"),
    [
        pytest.param(POST, ended(own()), row(arrival()), "", id="its own"),
        pytest.param(POST, ended(b"forged"), row(arrival()), "not its own", id="another's"),
        pytest.param(POST, ended(own()), row(arrival(answered="part")), "not its own", id="cut short"),
        pytest.param(POST, ended(ConnectionLost(sent="none")), row(), "", id="truly none"),
        pytest.param(POST, ended(ConnectionLost(sent="full")), row(arrival()), "", id="full"),
        pytest.param(POST, ended(ConnectionLost(sent="none")), row(arrival()), "nothing was sent", id="false none"),
        pytest.param(POST, ended(TimeoutError(sent="full")), row(arrival()), "made it wait", id="lost"),
        pytest.param(POST, ended(ValueError("no")), row(), "no such error", id="not ours"),
        pytest.param(POST, Outcome(), row(), "ended 0 times", id="never ended"),
        pytest.param(POST, ended(own()), row(arrival(), arrival(1)), "came 2 times", id="POST twice"),
        pytest.param(GET, ended(own("GET")), row(*[arrival(n, "GET") for n in range(2)]), "", id="GET twice"),
        pytest.param(
            GET, ended(own("GET")), row(*[arrival(n, "GET") for n in range(3)]), "came 3 times", id="GET thrice"
        ),
    ],
)
def test_what_is_wrong_with_a_request_is_said(call: Call, outcome: Outcome, what: Row, said: str) -> None:
    problems = list(http_verdict.problems(call, outcome, what))
    assert [said in problem for problem in problems] == [True] * bool(said)


def test_what_is_wrong_with_a_message_is_said() -> None:
    call, other = Message(7, "request"), RemoteError("no", data="8/0")
    came = arrival(act=Reply(is_remote=True))
    assert list(ws_verdict.problems(call, ended(b"7/0\n"), row(arrival(act=Reply())), by_id=False)) == []
    for outcome, said in (
        (ended(b"8/0\n"), "not its own"),
        (ended(other), "another's"),
        (ended(ConnectionLost(sent="none")), "no such error"),
    ):
        (problem,) = ws_verdict.problems(call, outcome, row(came), by_id=False)
        assert said in problem


def test_what_is_decided_does_not_change() -> None:
    one, other = HTTPPlan(3), HTTPPlan(3)
    assert [one.call(key) for key in range(50)] == [other.call(key) for key in range(50)]
    assert [one.act(one.call(key), 0, 0, "GET") for key in range(50)] == [
        other.act(other.call(key), 0, 0, "GET") for key in range(50)
    ]
    spoken = WebSocketPlan(3, by_id=True)
    assert spoken.act(spoken.call(4), 1) == spoken.act(spoken.call(4), 1) != spoken.act(spoken.call(4), 2)


class Fair(HTTPPlan):
    """Each request is answered at once."""

    def call(self, key: int) -> Call:
        return POST

    def act(self, call: Call, hop: int, attempt: int, method: str) -> Act:
        return Act()


@contextlib.contextmanager
def fair() -> Iterator[HTTPTrial]:
    trial = HTTPTrial("httpx", Fair(0), "")
    with trial:
        yield trial


def test_bytes_that_are_no_request_are_a_problem() -> None:
    with fair() as trial:
        port = urlsplit(trial.server.address("main")).port
        with socket.create_connection(("127.0.0.1", port or 0)) as sock:
            sock.sendall(b"GET /7/0/GET HTTP/1.1\r\nHost: a\r\n\r\n0\r\n\r\n")
            while sock.recv(1000):
                pass
    assert "no request" in trial.ledger.complaints[0]


def test_another_method_and_body_than_the_redirect_asked_for_are_problems() -> None:
    with fair() as trial:
        port = urlsplit(trial.server.address("main")).port
        client = http.client.HTTPConnection("127.0.0.1", port)
        client.request("POST", "/7/0/GET", body=b"hello")
        assert client.getresponse().read() == own()
        client.close()
    assert ["came as POST" in said for said in trial.ledger.complaints] == [True, False]
    assert "its body came as b'hello'" in trial.ledger.complaints[1]


def test_what_comes_after_its_end_is_a_problem() -> None:
    with fair() as trial:
        trial.ledger.settle(7)
        port = urlsplit(trial.server.address("main")).port
        client = http.client.HTTPConnection("127.0.0.1", port)
        client.request("POST", "/7/0/POST", body=POST.content)
        client.getresponse().read()
        client.close()
    assert "after its end" in trial.ledger.complaints[0]


def test_frames_are_read_as_they_are_written() -> None:
    assert parsed(b"\x81") is None
    assert parsed(bytes.fromhex("818537fa213d7f9f4d5158")) == Frame(1, True, True, b"Hello", True, 11)
    assert parsed(bytes.fromhex("818537fa213d7f9f")) == Frame(1, True, True, b"He", False, 11)
    for size in (125, 126, 65_535, 65_536):
        found = parsed(frame(2, bytes(size)))
        assert found is not None
        assert (len(found.payload), found.is_whole, found.is_masked) == (size, True, False)
    assert message(1, b"Hello", 2, pings=True) == b"\x01\x03Hel\x89\x010\x80\x02lo"


def test_one_request_can_be_played_alone() -> None:
    case = CASES[0]
    verdict = tried(case, range(5, 6), case.trial(1))
    assert verdict.counts.total() == 1
