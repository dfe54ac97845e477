"""What is a description of a request, and what is a body: where it may be either, it is said how to say it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pynector import ConfigurationError, Pynector
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"path": "/inspect", "header": {"Authorization": "Bearer secret"}}, "header"),
        ({"path": "/inspect", "Headers": {}}, "Headers"),
        ({"path": "/id/1", "timeout": 3}, "timeout"),
        ({"path": "/id/1", "as_response": True}, "as_response"),
        ({"path": "/id/1", "max_redirects": 1}, "max_redirects"),
        ({"path": "/id/1", "auth": "token"}, "auth"),
        ({"url": "http://127.0.0.1:9/x", "parms": {}}, "parms"),
        ({"url": "http://127.0.0.1:9/x", "cookie": {}}, "cookie"),
        ({"method": "GET", "path": "/x", "title": "t"}, "title"),
    ],
)
async def test_a_request_with_a_mistake_is_not_a_body(client: Pynector, data: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown key '{named}'.*json=") as refused:
        await client.request(data)
    assert "secret" not in str(refused.value)
    (error,) = await client.batch_request([(data, {})])
    assert isinstance(error, ConfigurationError)


@pytest.mark.parametrize(
    "data",
    [
        {"url": "http://h/x", "title": "t"},
        {"path": "relative", "timeout": 3},
        {"url": "not absolute", "header": 1},
        {"path": "/x", "size": 3},
        {"path": 7, "timeout": 3},
    ],
)
async def test_what_looks_like_a_body_is_one(client: Pynector, data: dict[str, Any]) -> None:
    assert json.loads(await client.request(data, path="/echo")) == data


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ({"url": "http://127.0.0.1:9/"}, {"path": "/echo"}),
        ({"url": "http://127.0.0.1:9/", "method": "POST"}, {"path": "/echo"}),
    ],
)
async def test_two_places_are_refused_where_one_would_be_lost(
    client: Pynector, data: dict[str, Any], options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"leave path= out, or give data as the option json="):
        await client.request(data, **options)
    assert json.loads(await client.request(None, json=data, path="/echo")) == data


async def test_options_still_win_over_the_rest_of_a_description(client: Pynector) -> None:
    assert await client.request({"path": "/nowhere", "json": 1}, path="/echo") == b"1"


async def test_a_url_given_as_data_is_no_body(client: Pynector, server: LoopbackServer) -> None:
    url = f"{server.url}/id/1"
    with pytest.raises(ConfigurationError, match=r"looks like a URL: give \{'url': ...\}, or content="):
        await client.request(url)
    assert await client.request({"url": url}) == b"1"
    assert await client.request(url, path="/echo") == url.encode()
    assert await client.request(None, content=url, path="/echo") == url.encode()


async def test_a_method_and_a_url_are_refused_with_the_right_way(client: Pynector) -> None:
    with pytest.raises(ConfigurationError, match=r"request\(\{'method': 'GET', 'url': ...\}\)"):
        await client.request("GET", "http://127.0.0.1:9/")  # type: ignore[arg-type]


def test_a_url_is_no_transport() -> None:
    with pytest.raises(ConfigurationError, match="base_url="):
        Pynector("http://127.0.0.1:9/")
