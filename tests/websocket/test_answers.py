"""By id: answers that cannot be read, errors without an id, and errors beside a result."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.frames import Opcode

from inside import transport_of
from pynector import ProtocolError, PynectorError, RemoteError
from pynector.transport.json_text import scalar_of
from wslines import Answers, Line, frame
from wsservers import Url, client

LONG = "9" * 5_000
DEEP = "[" * 200_000 + "]" * 200_000


class Calls:
    """Requests in flight on one connection, with the ids from 1 on."""

    def __init__(self, count: int, **options: Any) -> None:
        self.line = Line(correlation="id", **options).opened()
        self.answers = Answers()
        self.handles = [
            self.line.pool.requests.submit({"jsonrpc": "2.0", "method": "m"}, {}, 9.0, self.answers, token)
            for token in range(1, count + 1)
        ]

    def answer(self, text: str) -> dict[int, Any]:
        """Give what becomes of the requests when this comes."""
        self.line.link.data_received(frame(Opcode.TEXT, text.encode()))
        return self.answers.got

    @property
    def news(self) -> int:
        return len(self.line.heard)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f'{{"jsonrpc": "2.0", "id": 1, "result": {LONG}}}', id="long"),
        pytest.param(f'{{"jsonrpc": "2.0", "result": {LONG}, "id" : 1 }}', id="long, id last"),
        pytest.param(f'{{"id": 1, "result": {DEEP}}}', id="deep"),
        pytest.param(f'{{"result": {DEEP}, "id": 1}}', id="deep, id last"),
        pytest.param(f'{{"error": {{"code": {LONG}}}, "id": 1}}', id="error"),
        pytest.param('{"id": 1, "result": oops}', id="no JSON"),
        pytest.param('{"id": 1, "result": "cut', id="cut"),
    ],
)
def test_an_answer_that_cannot_be_read_ends_its_request(text: str, count: int) -> None:
    calls = Calls(count)
    got = calls.answer(text)
    assert list(got) == [1]
    assert isinstance(got[1], ProtocolError)
    assert (got[1].phase, got[1].sent) == ("body", "full")
    assert len(str(got[1])) < 300
    assert calls.news == 0


@pytest.mark.parametrize("text", [LONG, f"[{LONG}]", DEEP, f'{{"result": {LONG}}}'])
def test_one_without_an_id_is_that_of_the_only_request(text: str) -> None:
    assert isinstance(Calls(1).answer(text)[1], ProtocolError)
    calls = Calls(2)
    assert calls.answer(text) == {}
    assert calls.news == 1


@pytest.mark.parametrize(
    "text", ["", "hello", '"pong"', "[1]", '{"news": ', '{"id": {"id": 1}, ', "NaN", '{"id": 1.5}']
)
def test_what_is_no_answer_is_none(text: str) -> None:
    calls = Calls(1)
    assert calls.answer(text) == {}
    assert calls.news == 1


def test_a_request_of_the_peers_own_that_cannot_be_read_is_none_of_ours() -> None:
    calls = Calls(1)
    assert calls.answer(f'{{"jsonrpc": "2.0", "id": 1, "method": "ask", "params": {LONG}}}') == {}
    assert calls.news == 1


@pytest.mark.parametrize("id_of", ['"id": null, ', ""])
def test_an_error_without_an_id_is_that_of_the_only_request(id_of: str) -> None:
    text = f'{{"jsonrpc": "2.0", {id_of}"error": {{"code": -32700, "message": "Parse error"}}}}'
    error = Calls(1).answer(text)[1]
    assert isinstance(error, RemoteError)
    assert error.code == -32700
    for calls in (Calls(2), Calls(0)):
        assert calls.answer(text) == {}
        assert calls.news == 1


def test_one_that_was_given_up_may_be_whose_it_is() -> None:
    text = '{"error": {"code": 1}, "id": null}'
    calls = Calls(2)
    calls.handles[0].cancel()
    assert calls.answer(text) == {}
    # Its answer has come, late.
    calls.answer('{"id": 1, "result": 0}')
    assert isinstance(calls.answer(text)[2], RemoteError)
    assert calls.line.pool.requests.late == 1


def test_an_error_without_an_id_that_nobody_takes_is_counted() -> None:
    calls = Calls(2)
    calls.line.pool.subscribers._on_message = None
    assert calls.answer('{"error": {"code": 1}, "id": null}') == {}
    assert calls.line.pool.subscribers.unclaimed == 1


@pytest.mark.parametrize(
    ("members", "data"),
    [
        ('"result": null, "error": {"code": 7, "message": "no", "data": [1]}', [1]),
        ('"error": ["a", 1]', ["a", 1]),
        ('"result": null, "error": ["a", 1]', ["a", 1]),
        ('"result": null, "error": "no"', "no"),
        ('"error": "no"', "no"),
        ('"error": {"code": true}', None),
        ('"error": {}', None),
        ('"error": 0', 0),
        ('"error": false', False),
    ],
)
def test_an_error_is_one(members: str, data: Any) -> None:
    error = Calls(1).answer(f'{{"id": 1, {members}}}')[1]
    assert isinstance(error, RemoteError)
    assert error.data == data
    assert error.code in (None, 7)
    assert type(error.code) is not bool


@pytest.mark.parametrize(
    "members",
    [
        '"result": 0',
        '"result": null',
        '"result": null, "error": null',
        '"result": null, "error": false',
        '"result": null, "error": []',
        '"result": {}, "error": []',
        '"result": 1, "error": {"code": 1}',
        '"x": 1',
    ],
)
def test_a_success_is_one(members: str) -> None:
    text = f'{{"id": 1, {members}}}'
    assert Calls(1).answer(text) == {1: text.encode()}


@pytest.mark.anyio
@pytest.mark.parametrize("connections", [1, 2])
async def test_it_does_not_take_until_the_timeout(url: Url, connections: int) -> None:
    """The server sends what it is told to."""
    async with client(url("/raw"), correlation="id", connections=connections, id_key="key") as it:
        answer = json.dumps({"error": {"code": 5}, "key": None}).encode()
        told = frame(Opcode.TEXT, answer).hex()
        transport_of(it)._options.correlation.encode = lambda data, one_way, *_: (told.encode(), True, 1)
        with pytest.raises(PynectorError) as failed:
            await it.request({}, 60)
        assert isinstance(failed.value, RemoteError)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": {"id": 3}, "id": 4,', 4),
        (b'{"id": 4', None),
        (b'{"id":"x\\u00fc"', "x\u00fc"),
        (b'{"id":"x', None),
        (b'{"s": "\\"id\\": 7", "id" : -5 ,', -5),
        (b'{"id": 1234567890123456789, ', None),
        (b'{"id": 1.5, ', None),
        (b'{"id": null, ', None),
        (b'{"id": [1], ', None),
        (b'[{"id": 1}, ', None),
        (b'"id": 1', None),
        (b'{"id": "\xff",', None),
        (b"", None),
    ],
)
def test_a_member_is_found_in_what_cannot_be_read(text: bytes, value: Any) -> None:
    assert scalar_of(text, "id") == value


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", [b"[", b'"', b'\\"', b'{"a":', b'"a":"', b"\\", b" ", b"1,"])
def test_looking_for_it_takes_no_longer_than_what_is_looked_at(piece: bytes) -> None:
    for begin in (b"{", b'{"', b'{"a": "'):
        assert scalar_of(begin + piece * (4_000_000 // len(piece)), "id") is None
