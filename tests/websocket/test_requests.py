"""Requests and batches over WebSocket, against two server implementations in other processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import anyio
import pytest

from pynector import (
    ConfigurationError,
    ConnectError,
    JSONError,
    Pynector,
    PynectorError,
    RemoteError,
    TimeoutError,
    TransportError,
    WebSocketClosed,
)
from pynector.transport.websocket import Gap, Message
from wsservers import Url, client, running

pytestmark = pytest.mark.anyio


def complaints(caplog: pytest.LogCaptureFixture) -> Callable[[], list[Any]]:
    """Gives what the event loop, or a logger where it takes none, was told of."""
    told: list[Any] = []
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
    return lambda: [*told, *(record.exc_info[1] for record in caplog.records if record.exc_info)]


@pytest.mark.parametrize("data", ["text", "", "\u00fc\U0001f600", b"\x00\xff", b"", "x" * 126, b"y" * 70_000])
async def test_a_message_comes_back(echo_url: str, data: Any) -> None:
    async with client(echo_url) as it:
        expected = data if isinstance(data, bytes) else data.encode()
        assert await it.request(data) == expected
        answer = await it.request(data, as_response=True)
    assert answer == Message(expected, isinstance(data, str))


async def test_dicts_and_lists_go_as_json(echo_url: str) -> None:
    async with client(echo_url, as_response=True) as it:
        answer = await it.request({"a": [1, None]})
        assert (answer.text, answer.json(), answer.is_text) == ('{"a":[1,null]}', {"a": [1, None]}, True)
        assert (await it.request([1])).content == b"[1]"
        assert (await it.request(["\u00e9"])).content == b'["\xc3\xa9"]'
        assert await it.request(bytearray(b"x"), as_response=False) == b"x"


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize(("limit", "connections"), [(1, 1), (100, 1), (1000, 3), (None, 8)])
async def test_every_answer_of_a_batch_is_its_own(
    echo_url: str, limit: int | None, connections: int, compression: str | None
) -> None:
    count = 300 if limit == 1 else 2_000
    requests = [(f"{number}" if number % 2 else b"%d" % number, {}) for number in range(count)]
    async with client(echo_url, connections=connections, compression=compression) as it:
        answers = await it.batch_request(requests, max_concurrency=limit)
    assert answers == [b"%d" % number for number in range(count)]


@pytest.mark.exhaustive
@pytest.mark.parametrize("limit", [1, 10, 1000])
@pytest.mark.parametrize("connections", [1, 8])
@pytest.mark.parametrize("kind", ["text", "binary", "id"])
async def test_a_large_batch(echo_url: str, limit: int, connections: int, kind: str) -> None:
    data: dict[str, Callable[[int], Any]] = {"text": str, "binary": b"%d".__mod__, "id": lambda number: {"n": number}}
    requests = [(data[kind](number), {}) for number in range(20_000)]
    correlation = "id" if kind == "id" else "fifo"
    async with client(echo_url, connections=connections, correlation=correlation) as it:
        answers = await it.batch_request(requests, max_concurrency=limit)
    if kind == "id":
        answers = [b"%d" % json.loads(answer)["n"] for answer in answers]
    assert answers == [b"%d" % number for number in range(20_000)]


async def test_large_messages(echo_url: str) -> None:
    data = bytes(range(256)) * 65_536
    async with client(echo_url) as it:
        assert await it.batch_request([(data, {}), ("small", {}), (data, {})]) == [data, b"small", data]


async def test_fragments_and_pings_in_the_middle(url: Url) -> None:
    async with client(url("/fragments")) as it:
        requests: list[Any] = [(f"message {number} \u00fc" * 20, {}) for number in range(50)]
        assert await it.batch_request(requests) == [text.encode() for text, _ in requests]


async def test_a_late_answer_is_dropped_and_nobody_else_s(url: Url) -> None:
    async with client(url("/late-first")) as it:
        late, *others = await it.batch_request([("late", {"timeout": 0.05}), *((f"{n}", {}) for n in range(20))])
        assert isinstance(late, TimeoutError)
        assert (late.phase, late.sent) == ("headers", "full")
        assert others == [b"%d" % n for n in range(20)]
        assert it.stats().transport["late"] == 1


async def test_a_cancelled_request_keeps_its_place(url: Url) -> None:
    async with client(url("/late-first")) as it:
        with anyio.move_on_after(0.05):
            await it.request("given up")
        assert await it.request("next") == b"next"


async def test_answers_by_id_in_any_order(url: Url) -> None:
    async with client(url("/backwards?group=10"), correlation="id", as_response=True) as it:
        answers = await it.batch_request([({"n": n}, {}) for n in range(200)])
    assert [answer.json()["n"] for answer in answers] == list(range(200))
    assert len({answer.json()["id"] for answer in answers}) == 200


async def test_a_message_that_is_not_json_is_told_with_its_first_bytes(url: Url) -> None:
    async with client(url("/echo")) as it:
        answer = await it.request("<html>" + "x" * 500, as_response=True)
    with pytest.raises(JSONError, match=r"^the message is not JSON: Expecting value: .* begins with b'<html>x{54}'$"):
        answer.json()


async def test_json_rpc(url: Url) -> None:
    async with client(url("/rpc"), correlation="id") as it:

        def call(method: str, *params: Any) -> dict[str, Any]:
            return {"jsonrpc": "2.0", "method": method, "params": params}

        assert json.loads(await it.request(call("add", 1, 2)))["result"] == 3
        with pytest.raises(RemoteError, match="-32601: Method not found") as failed:
            await it.request(call("nothing"))
        assert (failed.value.code, failed.value.data, failed.value.transient) == (-32601, "nothing", False)
        with pytest.raises(TimeoutError, match=r"^no whole answer within 0\.05 s, while waiting for the headers"):
            await it.request(call("hang"), timeout=0.05)
        assert b"told" in await it.request(call("unknown"))
        assert it.stats().transport == {"late": 1, "unclaimed": 0, "reconnects": 0}
        assert b"notified" in await it.request(call("notify", 3))
        assert it.stats().transport["unclaimed"] == 3


async def test_ids_of_the_caller_are_kept(url: Url) -> None:
    async with client(url("/backwards?group=2"), correlation="id", id_key="key") as it:
        first, second = await it.batch_request([({"key": "a"}, {}), ({"key": 7}, {})])
        assert (first, second) == (b'{"key":"a"}', b'{"key":7}')
        outcome = await it.batch_request([({"key": "a"}, {}), ({"key": "a"}, {}), ({"key": "b"}, {})])
        assert isinstance(outcome[1], ConfigurationError)
        assert "in flight already" in str(outcome[1])
        assert outcome[0] == b'{"key":"a"}'


async def test_functions_of_the_user_s_own(url: Url) -> None:
    def number(data: Any) -> str:
        text: str = data.text if isinstance(data, Message) else data
        return text.split()[0]

    async with client(url("/backwards?group=5"), correlation=(number, number)) as it:
        answers = await it.batch_request([(f"{n} times", {}) for n in range(20)])
    assert answers == [f"{n} times".encode() for n in range(20)]


async def test_functions_that_fail_harm_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    def of_request(data: Any) -> Any:
        return {"none": None}.get(data, [] if data == "unhashable" else int(data))

    def of_message(message: Message) -> Any:
        return int(message.text)

    told = complaints(caplog)
    with running() as port:
        async with client(f"ws://127.0.0.1:{port}/push?n=1", correlation=(of_request, of_message)) as it:
            answers = await it.batch_request([("none", {}), ("x", {}), ("unhashable", {}), ("7", {})])
    assert [isinstance(answer, ConfigurationError) for answer in answers] == [True, True, True, False]
    assert answers[3] == b"7"
    assert isinstance(told()[0], ValueError)


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (7, {}, "must be str, bytes, a dict or a list, not int"),
        ({"a": math.nan}, {}, "cannot be said in JSON"),
        ({"a": object()}, {}, "cannot be said in JSON"),
        ({"a": "\ud800"}, {}, "cannot be said in JSON"),
        ("\ud800", {}, "UTF-8"),
        ("x", {"headers": {}}, "no option 'headers'"),
        ("x", {"idempotent": 1}, "idempotent must be True or False"),
    ],
)
async def test_a_bad_request_is_refused_and_harms_no_other(echo_url: str, data: Any, options: Any, said: str) -> None:
    async with client(echo_url) as it:
        with pytest.raises(ConfigurationError, match=said):
            await it.request(data, **options)
        bad, good = await it.batch_request([(data, options), ("good", {})])
    assert isinstance(bad, ConfigurationError)
    assert good == b"good"


@pytest.mark.parametrize("data", ["text", {"id": True}, {"id": 1.5}])
async def test_by_id_a_message_is_a_dict_with_a_plain_id(url: Url, data: Any) -> None:
    async with client(url("/rpc"), correlation="id") as it:
        with pytest.raises(ConfigurationError):
            await it.request(data)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs url"),
        ({"url": "http://a/"}, "url must be a URL such as wss://"),
        ({"url": "ws://user:secret@a/"}, "without user"),
        ({"url": "ws://a b/"}, r"url.* (must|is not)"),
        ({"url": " ws://a/"}, r"url.* (must|is not)"),
        ({"url": "ws://a\t/"}, r"url.* (must|is not)"),
        ({"url": "ws://a/\n"}, r"url.* (must|is not)"),
        ({"url": "ws://a:0/"}, r"url.* (must|is not)"),
        ({"url": "ws://a:x/"}, r"url.* (must|is not)"),
        ({"url": 7}, r"url.* (must|is not)"),
        ({"url": "ws://a/", "correlation": "order"}, "correlation must be 'fifo', 'id'"),
        ({"url": "ws://a/", "correlation": (1, 2)}, "pair of functions"),
        ({"url": "ws://a/", "id_key": ""}, "id_key"),
        ({"url": "ws://a/", "connections": 0}, "connections"),
        ({"url": "ws://a/", "max_in_flight": 0}, "max_in_flight"),
        ({"url": "ws://a/", "ping_interval": 0}, "ping_interval"),
        ({"url": "ws://a/", "compression": "gzip"}, "compression must be 'deflate'"),
        ({"url": "ws://a/", "max_message_bytes": 0}, "max_message_bytes"),
        ({"url": "ws://a/", "subprotocols": "one"}, "subprotocols"),
        ({"url": "ws://a/", "subprotocols": [""]}, "subprotocols"),
        ({"url": "ws://a/", "origin": "a\r\nb"}, "origin"),
        ({"url": "ws://a/", "headers": {"a": "b\r\nc"}}, "headers"),
        ({"url": "ws://a/", "max_reconnects": -1}, "max_reconnects"),
        ({"url": "ws://a/", "reconnect_delay": -1}, "reconnect_delay"),
        ({"url": "ws://a/", "on_message": 7}, "on_message must be a function"),
        ({"url": "ws://a/", "conections": 1}, "did you mean 'connections'"),
        ({"url": "ws://a:99999/"}, "url is not a valid URL: the port of its host must be 1 to 65535"),
        ({"url": "ws://a/", "headers": {"X-Page": 5}}, "headers: the value of 'X-Page' must be str, not int"),
        ({"url": "ws://a/", "ssl": None}, "no option 'ssl': use verify, cert"),
    ],
)
async def test_bad_options_are_refused_at_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        Pynector(transport_type="websocket", **options)
    assert "secret" not in str(refused.value)


async def test_headers_origin_and_subprotocol_are_sent(url: Url) -> None:
    options = {"headers": {"X-One": "1"}, "origin": "https://example.com", "subprotocols": ["first", "second"]}
    async with client(url("/headers"), **options) as it:
        sent = json.loads(await it.request("x"))
    assert (sent["X-One"], sent["Origin"]) == ("1", "https://example.com")
    assert sent["Sec-WebSocket-Protocol"] == "first, second"


async def test_no_server_is_a_connect_error() -> None:
    with pytest.raises(ConnectError) as failed:
        await client("ws://127.0.0.1:9/").request("x")
    assert (failed.value.phase, failed.value.sent) == ("connect", "none")


async def test_an_http_server_is_a_connect_error_that_says_the_status(server: Any) -> None:
    with pytest.raises(ConnectError, match="status 404") as failed:
        await client(server.url.replace("http", "ws") + "/nothing-here").request("x")
    assert failed.value.transient is False


async def test_aclose_ends_what_is_in_flight(url: Url) -> None:
    it = client(url("/silent"), max_in_flight=1)
    await it.__aenter__()
    async with anyio.create_task_group() as group:
        errors: list[Any] = []

        async def ask() -> None:
            try:
                await it.request("x")
            except PynectorError as error:
                errors.append(error)

        for _ in range(3):
            group.start_soon(ask)
        await anyio.sleep(0.05)
        await it.aclose()
    assert [type(error) for error in errors] == [TransportError] * 3
    await it.aclose()


async def test_it_connects_again_after_aclose(echo_url: str) -> None:
    it = client(echo_url)
    for _ in range(2):
        assert await it.request("x") == b"x"
        await it.aclose()


async def test_what_waits_times_out_without_being_sent(url: Url) -> None:
    async with client(url("/silent"), max_in_flight=1) as it:
        first, second = await it.batch_request([("a", {"timeout": 0.3}), ("b", {"timeout": 0.1})])
    assert (first.phase, first.sent) == ("headers", "full")
    assert (second.phase, second.sent) == ("connect", "none")


async def test_cancelling_a_batch_leaves_others_alone(url: Url) -> None:
    async with client(url("/rpc"), correlation="id") as it:
        with anyio.move_on_after(0.05):
            await it.batch_request([({"method": "hang"}, {})] * 50)
        assert b"3" in await it.request({"method": "add", "params": [1, 2]})


async def test_a_peer_that_does_not_read_holds_the_batch_back(url: Url) -> None:
    data = b"z" * 1_000_000
    async with client(url("/deaf")) as it:
        answers = await it.batch_request([(data, {})] * 20)
    assert all(answer == data for answer in answers)


async def test_messages_that_answer_nobody_go_to_on_message_and_subscriptions(
    url: Url, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Message] = []

    def on_message(message: Message) -> None:
        heard.append(message)
        if len(heard) == 2:
            raise ValueError("not this one")

    told = complaints(caplog)
    call = {"method": "notify", "params": [5]}
    async with client(url("/rpc"), correlation="id", on_message=on_message) as it, it.subscribe() as messages:
        await it.request(call)
        got = [(await messages.__anext__()).json()["params"] for _ in range(5)]
        await it.aclose()
        assert [message async for message in messages] == []
    assert got == [[0], [1], [2], [3], [4]]
    assert len(heard) == 5
    assert len(told()) == 1


@pytest.mark.parametrize(
    ("overflow", "expected"),
    [
        ("drop_oldest", [Gap("overflow", 7), 7, 8, 9]),
        ("drop_newest", [0, 1, 2, Gap("overflow", 7)]),
        ("wait", list(range(10))),
    ],
)
async def test_a_full_subscription_does_as_it_says(url: Url, overflow: str, expected: list[Any]) -> None:
    got: list[Any] = []
    async with (
        client(url("/rpc"), correlation="id") as it,
        it.subscribe(max_queue=3, overflow=overflow) as messages,
        anyio.create_task_group() as group,
    ):
        if overflow == "wait":
            group.start_soon(it.request, {"method": "notify", "params": [10]})
            await anyio.sleep(0.2)
        else:
            # When its answer has come, so have all of them.
            await it.request({"method": "notify", "params": [10]})
        while len(got) < len(expected):
            message = await messages.__anext__()
            got.append(message if isinstance(message, Gap) else message.json()["params"][0])
    # A gap stands where the messages would have been.
    assert got == expected


async def test_bad_arguments_of_subscribe(url: Url) -> None:
    async with client(url("/rpc"), correlation="id") as it:
        for options in ({"max_queue": 0}, {"overflow": "explode"}, {"size": 1}):
            with pytest.raises(ConfigurationError):
                async with it.subscribe(**options):
                    pass
    with pytest.raises(ConfigurationError, match=r"has no subscribe\(\)"):
        async with Pynector(base_url="http://127.0.0.1:9") as http, http.subscribe():
            pass


async def test_a_connection_full_of_answers_nobody_waits_for_is_replaced(url: Url) -> None:
    async with client(url("/silent"), max_in_flight=2, reconnect_delay=0.01) as it:
        results = await it.batch_request([("a", {"timeout": 0.3}), ("b", {"timeout": 0.3}), ("c", {"timeout": 3})])
        assert [error.sent for error in results] == ["full"] * 3
        await it.batch_request([("d", {"timeout": 0.3}), ("e", {"timeout": 0.3})])
        with pytest.raises(TimeoutError) as late:
            await it.request("f", 3)
        assert late.value.sent == "full"
        assert it.stats().transport["reconnects"] >= 2


async def test_any_mapping_may_be_a_request(url: Url) -> None:
    async with client(url("/rpc"), correlation="id") as it:
        call = {"method": "add", "params": [1, 2]}
        for data in (MappingProxyType(call), MappingProxyType({"id": "x", **call})):
            assert json.loads(await it.request(data))["result"] == 3
        assert await it.request(MappingProxyType({"method": "note"}), one_way=True) is None


async def test_an_id_is_in_flight_once_on_all_connections_together(url: Url) -> None:
    """Or one that is sent again could meet the other."""
    async with client(url("/rpc"), correlation="id", connections=2) as it:
        one, other = await it.batch_request([({"id": 7, "method": "hang"}, {"timeout": 0.3})] * 2)
        assert (type(one), type(other)) == (TimeoutError, ConfigurationError)
        assert await it.request({"id": 7, "method": "add", "params": [1]}, 20)
    async with client(url("/close-after?after=0&code=1000"), correlation="id", reconnect_delay=0.01) as it:
        for _ in range(3):
            with pytest.raises(WebSocketClosed):
                await it.request({"id": 7}, 20)


async def test_json_is_encoded_by_the_user_s_own_function(url: Url) -> None:
    def dumps(value: Any) -> bytes:
        return json.dumps(value, default=lambda _: "own").encode()

    def dumps_text(value: Any) -> str:
        return json.dumps(value, default=lambda _: "text")

    async with client(url("/echo"), json_dumps=dumps, as_response=True) as it:
        message = await it.request({"a": object()})
        assert (message.json(), message.is_text) == ({"a": "own"}, True)
        assert (await it.request([object()], json_dumps=dumps_text)).json() == ["text"]
        answers = await it.batch_request([([object()], {}), ([object()], {"json_dumps": dumps_text}), ("text", {})])
        assert [answer.content for answer in answers] == [b'["own"]', b'["text"]', b"text"]
        assert (await it.request({"a": 1}, json_dumps=None)).content == b'{"a":1}'
        with pytest.raises(ConfigurationError, match="cannot be said in JSON: json_dumps must return str or bytes"):
            await it.request([1], json_dumps=lambda _: None)
        with pytest.raises(ConfigurationError, match="cannot be said in JSON: KeyError"):
            await it.request([1], json_dumps=lambda value: {}[value[0]] if value else None)
        with pytest.raises(ConfigurationError, match="json_dumps must be a function"):
            await it.request([1], json_dumps="orjson")


async def test_by_id_the_user_s_own_function_sees_the_id(url: Url) -> None:
    seen = []

    def dumps(value: Any) -> str:
        seen.append(value)
        return json.dumps(value)

    async with client(url("/rpc"), correlation="id", json_dumps=dumps) as it:
        await it.request({"jsonrpc": "2.0", "method": "add", "params": [1, 2]})
    assert [value["id"] for value in seen] == [1]


async def test_a_wrong_option_for_all_entries_is_raised_once(url: Url) -> None:
    async with client(url("/echo")) as it:
        for name, said in {"max_retries": "retries are request_with_retry's", "idempotnt": "mean 'idempotent'"}.items():
            with pytest.raises(ConfigurationError, match=f"no option '{name}': .*{said}"):
                await it.batch_request([("x", {}), ("y", {})], **{name: 1})
        with pytest.raises(ConfigurationError, match="as_response must be"):
            await it.batch_request([("x", {})], as_response=5)
