"""Values that are no str, and an encoder of JSON of the user's own: what goes on the wire for them."""

from __future__ import annotations

import json
import numbers
import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag
from typing import Any

import pytest
from scripted import ScriptedServer, answer

from pynector import ConfigurationError, Pynector
from pynector.testing import LoopbackServer

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio


class Color(str, Enum):
    BLUE = "blue"


class Size(int, Enum):
    SMALL = 3


class Level(IntEnum):
    HIGH = 7


class Bits(IntFlag):
    ONE = 1
    TWO = 2


class Ratio(float, Enum):
    HALF = 0.5


class Plain(Enum):
    TEXT = "text"
    NONE = None
    YES = True


@numbers.Integral.register
class Int64:
    """A number such as numpy's: registered with the ABC, and no int."""

    def __str__(self) -> str:
        return "64"


@numbers.Real.register
class Float32:
    """Likewise, and no float."""

    def __str__(self) -> str:
        return "0.1"


NumpyBool = type("bool", (), {"__module__": "numpy", "__bool__": lambda self: True})

NOON = datetime(2026, 11, 26, 12, 30, tzinfo=timezone.utc)
VALUES: list[tuple[Any, str]] = [
    (Color.BLUE, "blue"),
    (Size.SMALL, "3"),
    (Level.HIGH, "7"),
    (Bits.ONE | Bits.TWO, "3"),
    (Ratio.HALF, "0.5"),
    (Plain.TEXT, "text"),
    (Plain.NONE, ""),
    (Plain.YES, "true"),
    (Decimal("1.50"), "1.50"),
    (Decimal("1E+3"), "1E+3"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (date(2026, 11, 26), "2026-11-26"),
    (NOON, "2026-11-26T12:30:00+00:00"),
    (NOON.astimezone(timezone(timedelta(hours=1))).replace(microsecond=5), "2026-11-26T13:30:00.000005+01:00"),
    (time(12, 30), "12:30:00"),
    (Int64(), "64"),
    (Float32(), "0.1"),
    (NumpyBool(), "true"),
]


@pytest.mark.parametrize(("value", "text"), VALUES, ids=lambda value: type(value).__name__)
async def test_a_value_is_its_usual_text(client: Pynector, value: Any, text: str) -> None:
    for params in ({"a": value}, [("a", value)], {"a": [value]}):
        seen = json.loads(await client.request({"path": "/inspect", "params": params}))
        assert seen["query"] == [["a", text]]
    (batched,) = await client.batch_request([({"path": "/inspect"}, {})], params={"a": value})
    assert json.loads(batched)["query"] == [["a", text]]
    form = json.loads(await client.request({"path": "/inspect", "data": {"a": value}}))
    assert form["body"].replace("%3A", ":").replace("%2B", "+") == f"a={text}"
    multipart = {"path": "/inspect", "data": {"a": value}, "files": {"f": b"x"}}
    assert f'name="a"\r\n\r\n{text}\r\n' in json.loads(await client.request(multipart))["body"]


async def test_a_client_s_params_are_the_same_text(server: LoopbackServer, engine: str) -> None:
    params = {str(number): value for number, (value, _) in enumerate(VALUES)}
    async with Pynector(base_url=server.url, http_engine=engine, params=params) as client:
        seen = json.loads(await client.request({"path": "/inspect"}))
    assert [value for _, value in seen["query"]] == [text for _, text in VALUES]


class Text(str, Enum):
    METHOD = "PURGE"
    PATH = "/inspect"
    HEADER = "X-Own"
    COOKIE = "kept"
    USER = "user"


async def test_text_is_an_enum_s_value_wherever_text_may_be(client: Pynector) -> None:
    data = {
        "method": Text.METHOD,
        "path": Text.PATH,
        "headers": {Text.HEADER: Text.USER},
        "cookies": {Text.COOKIE: Text.USER},
        "params": {Text.HEADER: Text.USER},
    }
    for auth, credentials in ((Text.USER, "Bearer user"), ((Text.USER, Text.USER), "Basic dXNlcjp1c2Vy")):
        seen = json.loads(await client.request(data, auth=auth))
        headers = {name.lower(): value for name, value in seen["headers"]}
        assert (seen["method"], seen["target"]) == ("PURGE", "/inspect?X-Own=user")
        assert (headers["x-own"], headers["cookie"]) == ("user", "kept=user")
        assert headers["authorization"] == credentials


@pytest.mark.parametrize("value", ['"quoted"', '""', "plain", ""])
async def test_a_cookie_s_value_may_be_quoted(server: LoopbackServer, engine: str, value: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, cookies={"c": value}) as client:
        for data in ({"path": "/inspect"}, {"path": "/inspect", "cookies": {"c": value}}):
            seen = json.loads(await client.request(data))
            assert dict(map(tuple, [[name.lower(), v] for name, v in seen["headers"]]))["cookie"] == f"c={value}"


@pytest.mark.parametrize("value", ['"', '"a', 'a"', 'a"b', '"a"b"', '"a b"', '"a;b"', '"a,b"', '"a\\b"', '"a\n"'])
async def test_a_quote_alone_or_what_may_not_stand_in_quotes_is_refused(engine: str, value: str) -> None:
    async with Pynector(base_url="http://127.0.0.1:9", http_engine=engine) as client:
        with pytest.raises(ConfigurationError, match="cookies"):
            await client.request(None, cookies={"c": value})


# json_dumps


class Point:
    """What Python's JSON cannot say."""


def dumps_text(value: Any) -> str:
    return json.dumps({"text": value}, default=lambda _: "pöint", ensure_ascii=False)


def dumps_bytes(value: Any) -> bytes:
    return json.dumps({"bytes": value}, default=lambda _: "point").encode()


def both(value: Any) -> list[Any]:
    return [{"path": "/echo", "json": value}, {"method": "PUT", "path": "/echo", "json": value}]


async def test_json_is_encoded_by_the_user_s_own_function(server: LoopbackServer, engine: str) -> None:
    point = Point()
    async with Pynector(base_url=server.url, http_engine=engine, json_dumps=dumps_text) as client:
        for data in both(point):
            assert json.loads(await client.request(data)) == {"text": "pöint"}
            assert json.loads(await client.request(data, json_dumps=dumps_bytes)) == {"bytes": "point"}
            assert json.loads(await client.request_with_retry(data)) == {"text": "pöint"}
            async with client.stream(data, json_dumps=dumps_bytes) as response:
                assert json.loads(await response.read()) == {"bytes": "point"}
        assert await client.request({"path": "/echo", "json": [1]}, json_dumps=None) == b"[1]"
        seen = json.loads(await client.request({"a": point}, path="/inspect"))
        assert json.loads(seen["body"].encode("latin-1")) == {"text": {"a": "pöint"}}
        assert [value for name, value in seen["headers"] if name.lower() == "content-type"] == ["application/json"]
        entries: list[Any] = [(both(point)[0], {}), (both(point)[0], {"json_dumps": dumps_bytes})]
        answers = await client.batch_request([*entries, (both(1)[1], {})])
        assert [json.loads(body) for body in answers] == [{"text": "pöint"}, {"bytes": "point"}, {"text": 1}]
        answers = await client.batch_request(entries, json_dumps=lambda _: bytearray(b"[]"))
        assert [json.loads(body) for body in answers] == [[], {"bytes": "point"}]


async def test_json_is_encoded_once_whatever_sends_it_again(play: Play, engine: str) -> None:
    calls = []

    def dumps(value: Any) -> str:
        calls.append(value)
        return f"[{len(calls)}]"

    server = play([answer(b"", "503 Busy"), answer(b"", "307 Moved", "Location: /there"), answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine, json_dumps=dumps) as client:
        assert await client.request_with_retry({"path": "/", "json": 1}, retry_delay=0.001) == b"done"
    assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [b"[1]"] * 3


def raises(error: BaseException) -> Callable[[Any], Any]:
    def dumps(value: Any) -> Any:
        raise error

    return dumps


WRONG: list[tuple[Any, str]] = [
    (raises(TypeError("no such type")), "json cannot be encoded: no such type"),
    (raises(KeyError("a key")), "json cannot be encoded: 'a key'"),
    (raises(RuntimeError()), "json cannot be encoded: RuntimeError"),
    (lambda value: 5, "json_dumps must return str or bytes, not int"),
    (lambda value: None, "json_dumps must return str or bytes, not NoneType"),
    (lambda value: "\ud800", "json cannot be encoded"),
]


@pytest.mark.parametrize(("dumps", "said"), WRONG)
async def test_what_goes_wrong_in_it_is_a_configuration_error(play: Play, engine: str, dumps: Any, said: str) -> None:
    server = play([answer()])
    for of_client in (True, False):
        options = {"json_dumps": dumps}
        settings = options if of_client else {}
        own = {} if of_client else options
        async with Pynector(base_url=server.url, http_engine=engine, **settings) as client:
            for data in both(1):
                with pytest.raises(ConfigurationError, match=said) as caught:
                    await client.request(data, **own)
                (in_batch,) = await client.batch_request([(data, own)])
                assert isinstance(in_batch, ConfigurationError)
                assert str(in_batch).startswith(str(caught.value).partition(" [")[0])
    assert server.received == b""


async def asynchronous(value: Any) -> str:
    return ""


@pytest.mark.parametrize("dumps", ["orjson", 5, True, asynchronous])
async def test_what_is_no_function_is_refused(engine: str, dumps: Any) -> None:
    for options in ({}, {"transport_type": "websocket", "url": "ws://127.0.0.1:9/"}):
        with pytest.raises(ConfigurationError, match="json_dumps must be a function"):
            Pynector(json_dumps=dumps, **options)  # type: ignore[arg-type]
    async with Pynector(base_url="http://127.0.0.1:9", http_engine=engine) as client:
        with pytest.raises(ConfigurationError, match="json_dumps must be a function"):
            await client.request({"path": "/", "json": 1}, json_dumps=dumps)
