"""What can be said in fewer words: get, post and the rest, and what a response says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pynector import ConfigurationError, HTTPStatusError, Pynector, Response
from pynector.testing import LoopbackServer
from pynector.transport.http.headers import Headers
from wsservers import running

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["auto"])
def engine(request: pytest.FixtureRequest) -> str:
    """They stand above the engines."""
    return str(request.param)


@pytest.mark.parametrize("name", ["get", "post", "put", "patch", "delete"])
async def test_a_method_by_its_name(client: Pynector, name: str) -> None:
    body = {} if name in ("get", "delete") else {"json": {"a": 1}}
    seen = json.loads(await getattr(client, name)("/inspect?x=1", params={"y": "2"}, **body))
    assert (seen["method"], seen["target"]) == (name.upper(), "/inspect?x=1&y=2")
    assert seen["body"] == ('{"a":1}' if body else "")


@pytest.mark.parametrize("name", ["post", "put", "patch"])
async def test_a_form_whose_option_has_the_name_of_a_parameter_of_request(client: Pynector, name: str) -> None:
    seen = json.loads(await getattr(client, name)("/inspect", data={"a": "1"}, headers={"X-Own": "yes"}))
    assert (seen["method"], seen["target"], seen["body"]) == (name.upper(), "/inspect", "a=1")
    assert ["x-own", "yes"] in [[field.lower(), value] for field, value in seen["headers"]]
    files = json.loads(await getattr(client, name)("/inspect", data={"a": "1"}, files={"f": b"content"}))
    assert 'name="a"\r\n\r\n1' in files["body"]
    assert "content" in files["body"]


async def test_a_form_to_whoever_answers_with_a_file_or_events(client: Pynector, tmp_path: Path) -> None:
    path = await client.download("/echo", tmp_path / "it", method="POST", data={"a": "1"})
    assert path.read_bytes() == b"a=1"
    async with client.events("/events/2", method="POST", data={"a": "1"}) as events:
        assert len([event async for event in events]) == 2


async def test_head_gives_header_fields(client: Pynector) -> None:
    assert await client.head("/bytes/10") == b""
    response = await client.head("/bytes/10", as_response=True)
    assert (response.headers["content-length"], response.content) == ("10", b"")


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
async def test_an_absolute_url(client: Pynector, server: LoopbackServer, scheme: str) -> None:
    assert await client.get(server.url.replace("http", scheme) + "/id/7") == b"7"


async def test_a_timeout_of_its_own(client: Pynector) -> None:
    with pytest.raises(TimeoutError):
        await client.get("/delay/5", 0.1)


@pytest.mark.parametrize(
    ("place", "options", "said"),
    [
        (None, {}, "path_or_url must be str, not NoneType"),
        ({"path": "/"}, {}, "path_or_url must be str, not dict"),
        ("/", {"method": "PUT"}, "method is said already"),
        ("/", {"path": "/x"}, "path is said already"),
        ("/", {"url": "http://x/"}, "url is said already"),
        ("/", {"parms": {}}, "parms"),
        ("/", {"data": {"a": "1"}, "json": 1}, "json"),
    ],
)
async def test_what_makes_no_sense(client: Pynector, place: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        await client.get(place, **options)


async def test_other_transports_say_that_they_know_no_methods() -> None:
    with running() as port:
        async with Pynector(transport_type="websocket", url=f"ws://127.0.0.1:{port}/echo") as client:
            with pytest.raises(ConfigurationError, match="method"):
                await client.get("/")
            with pytest.raises(ConfigurationError, match="method"):
                await client.post("/", data={"a": "1"})


async def test_ok_and_raise_for_status(client: Pynector) -> None:
    good = await client.get("/status/299", as_response=True)
    assert good.ok
    assert good.raise_for_status() is good
    bad = await client.get("/status/404?secret=1", as_response=True, raise_for_status=False)
    assert not bad.ok
    with pytest.raises(HTTPStatusError, match="404 Not Found") as caught:
        bad.raise_for_status()
    assert caught.value.response is bad
    assert "secret" not in str(caught.value)
    async with client.stream({"path": "/status/404"}, raise_for_status=False) as streamed:
        assert not streamed.ok


@pytest.mark.parametrize(
    ("field", "links"),
    [
        ('<https://a/?page=2>; rel="next"', {"next": {"url": "https://a/?page=2", "rel": "next"}}),
        ("</x,y;z>;rel=prev", {"prev": {"url": "http://h/x,y;z", "rel": "prev"}}),
        (
            '<../b> ; REL = "next last" ; title="a \\"b\\", c"; crossorigin, <c>; rel=first',
            {
                "next": {"url": "http://h/b", "rel": "next last", "title": 'a "b", c', "crossorigin": ""},
                "last": {"url": "http://h/b", "rel": "next last", "title": 'a "b", c', "crossorigin": ""},
                "first": {"url": "http://h/d/c", "rel": "first"},
            },
        ),
        ("<a>; rel=next, <b>; rel=next", {"next": {"url": "http://h/d/a", "rel": "next"}}),
        ("<mailto:a@b>; rel=author, <a>; rel=x", {"x": {"url": "http://h/d/a", "rel": "x"}}),
        ("nonsense", {}),
        ("<a", {}),
        ("<a>; title=none", {}),
    ],
)
def test_links(field: str, links: dict[str, Any]) -> None:
    assert Response(200, Headers([("Link", field)]), b"", "http://h/d/e").links == links


def test_links_of_several_fields() -> None:
    headers = Headers([("link", "<a>; rel=a"), ("Link", "<b>; rel=b")])
    assert set(Response(200, headers, b"", "http://h/").links) == {"a", "b"}
