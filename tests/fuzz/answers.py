"""Answers of WebSocket, found by the id in their JSON: each goes to its request, and to no other."""

from __future__ import annotations

import json
from typing import Any

from websockets.frames import Opcode

from pynector import ConfigurationError, ProtocolError, PynectorError, RemoteError
from wslines import Answers, Line, frame

from .source import Source, flag, pick

TOKENS = [
    b'{"id":1}',
    b'{"id":',
    b'"id"',
    b"1.0",
    b"1e400",
    b"NaN",
    b"-0",
    b"null",
    b"true",
    b'"a"',
    b"\xff",
    b"{",
    b"}",
    b"[",
]

# What an id may look like on either side.
IDS: list[Any] = [None, 1, 2, "1", "a", True, 1.0, 1.5, -1, 1 << 53, 1 << 70, [], {}, ""]
TEXTS = [
    '{"id":NaN}',
    '{"id":1e400}',
    '{"id":1,"id":2}',
    '{"id":1.0,"result":0}',
    '{"id":1e0}',
    '{"id":' + "9" * 5000 + "}",
    "[" * 50_000,
    '{"id":1,"error":' + '{"code":' * 900 + "0" + "}" * 901,
    '"\\ud800"',
    "1",
    "",
    '\ufeff{"id":1}',
]


def check(source: Source) -> None:
    """Raise unless each answer goes to the request with its id, once, and all others to nobody's."""
    line = Line(correlation="id").opened()
    answers = Answers()
    asked: dict[Any, int] = {}
    handles: dict[int, Any] = {}
    expected: dict[int, Any] = {}
    for token in range(source.number(12)):
        if flag(source):
            ask(line, answers, token, source, asked, handles)
        elif handles and source.number(5) == 5:
            give_up(token=source.number(255) % len(handles), handles=handles, asked=asked)
        else:
            say(line, answers, source, asked, expected)
        assert answers.got.keys() - expected.keys() == refused_of(answers), (answers.got, expected)
        for done, payload in expected.items():
            check_answer(answers.got[done], payload)
        assert line.connection.owed() == len(asked)
        assert not line.wire.aborted
    for handle in handles.values():
        handle.cancel()
    assert line.connection.owed() == 0


def ask(
    line: Line, answers: Answers, token: int, source: Source, asked: dict[Any, int], handles: dict[int, Any]
) -> None:
    """Send a request with any id, or with one of its own."""
    key = pick(source, IDS)
    data = {"method": "add", **({"id": key} if flag(source) else {})}
    before = len(line.frames())
    handle = line.pool.requests.submit(data, {}, 9.0, answers, token)
    for call in line.loop.calls:
        call()
    line.loop.calls.clear()
    if handle is None:
        assert isinstance(answers.got[token], ConfigurationError)
        assert len(line.frames()) == before
        return
    sent = json.loads(line.frames()[-1][1])
    if data.get("id") is not None:
        assert sent == data
    assert sent["id"] not in asked
    asked[sent["id"]] = token
    handles[token] = handle


def give_up(token: int, handles: dict[int, Any], asked: dict[Any, int]) -> None:
    """Give up a request, whose answer is nobody's then."""
    token = list(handles)[token]
    handles.pop(token).cancel()
    for key in [key for key, its in asked.items() if its == token]:
        del asked[key]


def say(line: Line, answers: Answers, source: Source, asked: dict[Any, int], expected: dict[int, Any]) -> None:
    """Have the peer say something."""
    payload = message(source, asked)
    line.link.data_received(frame(Opcode.TEXT, payload))
    if len(asked) == 1 and is_error_of_any(payload):
        # With one request in flight it is that one's, unless others were given up, whose it may be, too.
        ((key, token),) = asked.items()
        if token in answers.got:
            del asked[key]
            expected[token] = payload
        return
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return
    key = said.get("id") if isinstance(said, dict) else None
    if isinstance(key, (str, int, float)) and not isinstance(key, bool) and not is_question(said):
        token = asked.pop(key, None)
        if token is not None:
            expected[token] = payload


def is_error_of_any(payload: bytes) -> bool:
    """Say whether a message is an error, or cannot be read, and does not say whose."""
    try:
        said = json.loads(payload)
    except RecursionError:
        return True
    except ValueError as error:
        return not isinstance(error, (json.JSONDecodeError, UnicodeDecodeError))
    return isinstance(said, dict) and said.get("id") is None and "method" not in said and is_error(said)


def is_error(said: dict[str, Any]) -> bool:
    """Say whether an answer is an error."""
    error = said.get("error")
    return error is not None and ("result" not in said or (said["result"] is None and bool(error)))


def is_question(said: dict[str, Any]) -> bool:
    """Say whether a message of JSON-RPC is a request of the peer's own."""
    return "method" in said and "jsonrpc" in said and "result" not in said and said.get("error") is None


def message(source: Source, asked: dict[Any, int]) -> bytes:
    """Choose what the peer says."""
    kind = source.number(3)
    if kind == 0 and asked:
        members = {"id": list(asked)[source.number(255) % len(asked)], "result": 0}
    elif kind == 1:
        members = {"id": pick(source, IDS)}
    elif kind == 2:
        return pick(source, TEXTS).encode()
    else:
        return source.text().encode(errors="replace")
    for name, value in (("error", {"code": 1, "message": "no"}), ("method", "ask"), ("jsonrpc", "2.0"), ("error", 0)):
        if source.number(3) == 3:
            members[name] = value
    if source.number(3) == 3:
        members.pop("result", None)
    return json.dumps(members).encode()


def refused_of(answers: Answers) -> set[int]:
    """Give the requests that were refused before they were sent."""
    return {token for token, answer in answers.got.items() if isinstance(answer, ConfigurationError)}


def check_answer(seen: Any, payload: bytes) -> None:
    """Raise unless a message, or the error that it says, is what came of its request."""
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        assert isinstance(seen, ProtocolError), (seen, payload)
        return
    if is_error(said):
        assert isinstance(seen, RemoteError), (seen, payload)
    else:
        assert not isinstance(seen, PynectorError)
        assert seen == payload
