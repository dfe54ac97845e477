"""What a checkpoint's file keeps of a result comes back equal to it, in type and in all that is public."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pynector
from pynector import ConfigurationError, Message, PynectorError, Response, errors
from pynector.dispatch.records import MOST_BYTES, recorded, restored
from pynector.transport.http.headers import Headers
from pynector.transport.http.response import response_as_sent

PUBLIC = [
    kind
    for kind in (getattr(errors, name, None) for name in pynector.__all__)
    if isinstance(kind, type) and issubclass(kind, PynectorError)
]

# With halves of surrogate pairs, which JSON and a WebSocket's peer may write.
texts = st.text(st.characters(exclude_categories=()))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)

HEAD = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-Name:  caf\xe9 \r\nSet-Cookie: b=2"
SENT = response_as_sent(200, HEAD, b"body", ("https", "h", 443), b"/p?q=1", "1.1", 0.25, ())
MADE = Response(404, Headers([("A", "1"), ("b", "\xe9"), ("a", "2")]), b"\0", "http://h/", "HTTP/2", 1e-9, 3)
RESPONSES = [SENT, MADE, Response(204, Headers(), b"", "")]


def back(result: Any) -> Any:
    return restored(*recorded(result))


def of_response(response: Any) -> list[Any]:
    names = ("status_code", "content", "url", "http_version", "elapsed", "attempts", "text")
    return [type(response), response.headers.pairs(), *(getattr(response, name) for name in names)]


def of_error(error: Any) -> list[Any]:
    its_own = dict(vars(error))
    response = its_own.pop("response", None)
    said = [str(error), error.args, its_own, getattr(error, "transient", None), getattr(error, "sent", None)]
    return [type(error), *said, response if response is None else of_response(response)]


@given(st.binary() | texts | values)
def test_bytes_text_and_json_come_back(result: Any) -> None:
    # By repr, which tells 1 from 1.0 and True, and has one NaN.
    assert repr(back(result)) == repr(result)


@pytest.mark.parametrize("response", RESPONSES)
def test_a_response_comes_back_with_its_header_fields_in_order(response: Response) -> None:
    assert of_response(back(response)) == of_response(response)


@pytest.mark.parametrize("message", [Message(b"\xff", False), Message(b"text", True), Message(b"", True)])
def test_a_message_comes_back(message: Message) -> None:
    assert back(message) == message


def whole(kind: type[PynectorError]) -> PynectorError:
    """An error of a class, with something in every attribute."""
    if kind is errors.HTTPStatusError:
        return kind("it failed", response=MADE, request="GET http://h/p")
    more: dict[str, Any] = {"request": "GET http://h/p"}
    if issubclass(kind, (errors.TransportError, errors.TimeoutError)):
        more |= {"phase": "write", "sent": "partial"}
    more |= {
        errors.TimeoutError: {"seconds": 2.5},
        errors.WebSocketClosed: {"code": 4000, "reason": "caf\xe9"},
        errors.RemoteError: {"code": -32000, "data": {"of": ["the peer", None]}},
    }.get(kind, {})
    error = kind("it failed", **more)
    if hasattr(error, "attempts"):
        error.attempts = 3
    if kind is errors.ConnectError:
        vars(error)["response"] = SENT
    return error


@pytest.mark.parametrize("kind", PUBLIC)
@pytest.mark.parametrize("make", [lambda kind: kind(), whole])
def test_every_error_comes_back(kind: type[PynectorError], make: Any) -> None:
    error = make(kind)
    assert of_error(back(error)) == of_error(error)


def test_what_an_instance_says_else_than_its_class_comes_back() -> None:
    closed = errors.TransportError("the client was closed")
    closed.transient = False
    wrong = ConfigurationError("found out at a redirect")
    wrong.sent = "full"
    for error in (closed, wrong):
        assert of_error(back(error)) == of_error(error)


class Answer:
    status_code = 500


class OwnError(PynectorError):
    pass


class Text(str):
    __slots__ = ()


def circular() -> Any:
    inner: list[Any] = []
    inner.append(inner)
    return [inner]


def deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ((1, 2), "not builtins.tuple"),
        ([(1, 2)], "not builtins.tuple"),
        ({"a": {1: 2}}, "not builtins.int as a key of a dict"),
        ({(1,): 2}, "not builtins.tuple as a key of a dict"),
        (bytearray(b"a"), "not builtins.bytearray"),
        ([b"a"], "not builtins.bytes"),
        (object(), "not builtins.object"),
        (Text("a"), "not .*Text"),
        ([Text("a")], "not .*Text"),
        (OwnError("a"), "not .*OwnError"),
        (ValueError("a"), "not builtins.ValueError"),
        (errors.RemoteError("a", data={1}), "not builtins.set"),
        (errors.HTTPStatusError("a", response=Answer()), "not .*Answer"),  # type: ignore[arg-type]
        (Response(200, {"a": "b"}, b"", ""), "not builtins.dict in a Response"),  # type: ignore[arg-type]
        (Response(200, Headers(), "a", ""), "not builtins.str in a Response"),  # type: ignore[arg-type]
        (Response(200, Headers(), b"", "http://h/\n"), "line break"),
        (Message(memoryview(b"a"), True), "not builtins.memoryview in a Message"),  # type: ignore[arg-type]
        (circular(), "as JSON: Circular"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_result_of_another_type_is_refused_by_name(result: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        recorded(result)


def test_an_error_may_have_only_a_response_for_one() -> None:
    error = errors.ConnectError("refused")
    vars(error)["response"] = b"no"
    with pytest.raises(ConfigurationError, match="bytes in an error"):
        recorded(error)


def test_what_is_too_deep_or_too_long_is_refused() -> None:
    value = deep()
    with pytest.raises(ConfigurationError, match="as JSON"):
        recorded(value)
    while value != 1:
        # The garbage collector would go as deep.
        value = value.pop()
    with pytest.raises(ConfigurationError, match=str(MOST_BYTES)):
        recorded(bytes(MOST_BYTES + 1))


def test_nothing_in_the_file_is_executed() -> None:
    record = recorded(PynectorError("a"))
    assert record[1] == b'["PynectorError",["a"],{"request":null},null]'
    assert pynector.PynectorError is type(restored(*record))
