"""What a mistake is told: at once, once, by its name, and what would be right."""

from __future__ import annotations

import copy
import pickle
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from scripted import ScriptedServer, answer

from descriptors import no_descriptors_left
from pynector import ConfigurationError, ConnectError, Pynector, PynectorError, TimeoutError
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]

FOR_ALL: list[tuple[dict[str, Any], str]] = [
    ({"max_retries": 3}, "a request has no option 'max_retries': retries are request_with_retry's$"),
    ({"heder": {}}, "a request has no option 'heder': did you mean 'headers'"),
    ({"allow_redirects": True}, "'allow_redirects': use follow_redirects$"),
    ({"verify": False}, "'verify': it is an option of the client"),
    ({"as_response": 5}, "as_response must be True or False"),
]


@pytest.mark.parametrize(("options", "said"), FOR_ALL)
async def test_a_wrong_option_for_all_entries_is_raised_once_and_nothing_is_sent(
    play: Play, engine: str, options: dict[str, Any], said: str
) -> None:
    server = play([answer()])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for requests in ([({"path": "/"}, {})] * 3, []):
            with pytest.raises(ConfigurationError, match=said):
                await client.batch_request(requests, **options)
        assert client.stats().errors == {}
    assert server.connections == []


async def test_a_wrong_option_of_one_entry_stays_its_own(client: Pynector, server: LoopbackServer) -> None:
    right, wrong = await client.batch_request([({"path": "/id/1"}, {}), ({"path": "/id/2"}, {"max_retries": 3})])
    assert right == b"1"
    with pytest.raises(ConfigurationError, match=r"retries are request_with_retry's .*/id/2"):
        raise wrong


@pytest.mark.parametrize("of_one", [True, False])
async def test_a_wrong_timeout_of_an_entry_is_named_by_its_index_and_nothing_is_sent(
    play: Play, engine: str, of_one: bool
) -> None:
    server = play([answer()])
    requests: list[Any] = [({"path": "/"}, {}) for _ in range(600)]
    requests[500] = ({"path": "/"}, {"timeout": (3, 10)})
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ConfigurationError, match=r"requests\[500\]: timeout must be one positive number"):
            await client.batch_request(requests, raise_on_error=of_one)
    assert server.connections == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"connector": None}, "no option 'connector': use max_connections, .*verify, cert, uds"),
        ({"limits": None}, "no option 'limits': use max_connections"),
        ({"ssl": None}, "no option 'ssl': use verify, cert"),
        ({"max_retries": 3}, "no option 'max_retries': retries are request_with_retry's"),
        ({"timeout": (3, 10)}, "timeout must be one positive number"),
        ({"max_conection": 3}, "did you mean 'max_connections'"),
    ],
)
def test_an_option_of_another_client_is_told_its_name_here(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Pynector(**options)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "the request has no host: url is 'nonsense'; give the client base_url="),
        ("ftp://host/x", "url must start with http:// or https:// .* not 'ftp://host/x'"),
        ("http://host:99999/", "url is not a valid URL: the port of its host must be 1 to 65535"),
    ],
)
async def test_a_wrong_url_is_shown(engine: str, url: str, said: str) -> None:
    async with Pynector(http_engine=engine) as client:
        with pytest.raises(ConfigurationError, match=said):
            await client.request(None, url=url)


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("nonsense", "base_url must start with http:// .* not 'nonsense'"),
        ("https://host:99999", "base_url is not a valid URL: the port of its host must be 1 to 65535"),
    ],
)
def test_a_wrong_base_url_is_shown(base_url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Pynector(base_url=base_url)


@pytest.mark.parametrize("url", ["user:secret/x@host", "ftp://user:secret@host/", "https://user:secret@host:99999/"])
def test_a_wrong_url_with_a_password_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Pynector(base_url=url)
    assert "secret" not in str(refused.value)


async def test_a_client_without_async_is_told(engine: str) -> None:
    with pytest.raises(PynectorError, match="async with"), Pynector(http_engine=engine):
        raise AssertionError("it was entered")


async def _as_response(it: Any) -> None:
    await it.read()


async def _awaited(it: Any) -> None:
    await it


async def _iterated(it: Any) -> None:
    async for _ in it:
        raise AssertionError("it gave something")


async def _listed(it: Any) -> None:
    list(it)


async def _entered(it: Any) -> None:
    with it:
        raise AssertionError("it was entered")


@pytest.mark.parametrize("use", [_as_response, _awaited, _iterated, _listed, _entered])
@pytest.mark.parametrize("name", ["stream", "subscribe"])
async def test_a_forgotten_async_with_is_told_and_nothing_is_sent(
    play: Play, engine: str, use: Callable[[Any], Awaitable[None]], name: str
) -> None:
    server = play([answer()])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        it: Any = client.stream(None) if name == "stream" else client.subscribe()
        with pytest.raises(PynectorError, match=rf"`async with` is missing: async with client\.{name}\(\.\.\.\) as"):
            await use(it)
        assert not hasattr(it, "status_code")
    assert server.connections == []


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("name", ["stream", "subscribe", "events", "batch_stream"])
def test_what_is_to_be_entered_is_not_copied_and_can_be_referred_to_weakly(
    copied: Callable[[Any], Any], name: str
) -> None:
    client = Pynector(base_url="http://127.0.0.1:1")
    given: dict[str, Any] = {"subscribe": (), "batch_stream": ([],)}
    it: Any = getattr(client, name)(*given.get(name, ({"path": "/"},)))
    with pytest.raises(TypeError, match=rf"^what client\.{name}\(\.\.\.\) returns can be neither copied nor pickled$"):
        copied(it)
    assert weakref.ref(it)() is it


LATE = r"^no whole answer within 0\.3 s, while waiting for the headers \[GET http://127\.0\.0\.1:\d+/hang\]"


async def _request(client: Pynector) -> None:
    await client.request({"path": "/hang"}, timeout=0.3)


async def _in_batch(client: Pynector) -> None:
    (error,) = await client.batch_request([({"path": "/hang"}, {"timeout": 0.3})])
    raise error


async def _stream(client: Pynector) -> None:
    async with client.stream({"path": "/hang"}, timeout=0.3):
        raise AssertionError("it gave something")


async def _with_retry(client: Pynector) -> None:
    await client.request_with_retry({"path": "/hang"}, retry_delay=0, attempt_timeout=0.3)


@pytest.mark.parametrize("call", [_request, _in_batch, _stream, _with_retry])
async def test_a_timeout_says_how_long_and_at_what(
    client: Pynector, server: LoopbackServer, call: Callable[[Pynector], Awaitable[None]]
) -> None:
    server.reset()
    await client.request({"path": "/id/1"})
    with pytest.raises(TimeoutError, match=LATE) as late:
        await call(client)
    assert late.value.seconds == pytest.approx(0.3, abs=0.001)
    assert str(late.value).endswith(" (the last of 3 attempts)") is (call is _with_retry)


async def test_a_timeout_in_an_auth_flow_says_so_too(server: LoopbackServer) -> None:
    server.reset()
    async with Pynector(base_url=server.url, auth=httpx.DigestAuth("user", "password")) as client:
        with pytest.raises(TimeoutError, match=LATE) as late:
            await _request(client)
    assert (late.value.phase, late.value.sent) == ("headers", "full")


async def test_what_waits_for_a_connection_says_so(server: LoopbackServer, engine: str) -> None:
    async with (
        Pynector(base_url=server.url, http_engine=engine, max_connections=1, max_streams=1) as client,
        client.stream({"path": "/bytes/40000000"}),
    ):
        with pytest.raises(TimeoutError, match=r"^no whole answer within 0\.2 s, while waiting for a free connection"):
            await client.request({"path": "/id/1"}, timeout=0.2)


async def test_a_body_that_ends_too_late_says_so(play: Play, engine: str) -> None:
    server = play([[b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "hang"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TimeoutError, match=r"^no whole answer within 0\.4 s, while reading the body"):
            await client.request(None, timeout=0.4)


async def test_the_time_of_all_attempts_is_what_the_last_one_tells(client: Pynector, server: LoopbackServer) -> None:
    server.reset()
    with pytest.raises(TimeoutError, match=r"^no whole answer within 0\.5 s, while waiting for the headers"):
        await client.request_with_retry({"path": "/hang"}, retry_delay=0, attempt_timeout=0.3, timeout=0.5)


async def test_a_connection_without_a_descriptor_says_so(client: Pynector, server: LoopbackServer) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    assert await client.request({"url": f"{other}/id/1"}, headers={"Connection": "close"}) == b"1"
    with no_descriptors_left():
        (error,) = await client.batch_request([({"url": f"{other}/id/2"}, {})])
    assert isinstance(error, ConnectError)
    assert "Too many open files" in str(error)
    assert str(error).count("Too many") == 1


async def test_a_refused_connection_says_so(play: Play, engine: str) -> None:
    server = play(listening=False)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            with pytest.raises(ConnectError, match=r"Connect call failed|Connection refused"):
                await client.request({"url": url})


def test_a_url_in_the_place_of_a_transport_is_told_where_it_goes() -> None:
    with pytest.raises(ConfigurationError, match="a URL goes into base_url="):
        Pynector("http://api.example")
