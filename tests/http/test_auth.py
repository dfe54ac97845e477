"""Whose credentials go where."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from scripted import ScriptedServer, answer

from pynector import ConfigurationError, Pynector

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio

BASIC = b"authorization: basic " + base64.b64encode(b"user:secret")


def sent(server: ScriptedServer) -> list[bool]:
    """Say of each request whether it had credentials."""
    return [b"authorization:" in request.lower() for request in server.requests]


@pytest.mark.parametrize("auth", [("user", "secret"), "token"])
@pytest.mark.parametrize("how", ["single", "batch", "stream", "retry"])
async def test_the_client_s_credentials_belong_to_its_base_url(play: Play, engine: str, how: str, auth: Any) -> None:
    own, other = play([answer()] * 2), play([answer()] * 2)
    async with Pynector(base_url=own.url, http_engine=engine, auth=auth) as client:
        for request in ({"path": "/"}, {"url": f"{own.url}/x"}, {"url": f"{other.url}/"}):
            if how == "batch":
                assert await client.batch_request([(request, {})]) == [b"ok"]
            elif how == "stream":
                async with client.stream(request) as response:
                    assert await response.read() == b"ok"
            elif how == "retry":
                assert await client.request_with_retry(request) == b"ok"
            else:
                assert await client.request(request) == b"ok"
    assert (sent(own), sent(other)) == ([True, True], [False])


async def test_a_client_without_a_base_url_has_credentials_for_all(play: Play, engine: str) -> None:
    servers = play([answer()]), play([answer()])
    async with Pynector(http_engine=engine, auth=("user", "secret")) as client:
        for server in servers:
            assert await client.request({"url": f"{server.url}/"}) == b"ok"
            assert BASIC.lower() in server.received.lower()


async def test_a_request_s_credentials_go_where_it_goes(play: Play, engine: str) -> None:
    own, other = play([answer()]), play([answer()])
    async with Pynector(base_url=own.url, http_engine=engine, auth="token") as client:
        assert await client.request({"url": f"{other.url}/"}, auth=("user", "secret")) == b"ok"
        assert await client.request({"path": "/"}, auth=None) == b"ok"
    assert BASIC.lower() in other.received.lower()
    assert sent(own) == [False]


@pytest.mark.parametrize("value", ["x", None, 5, object()])
async def test_an_observer_is_no_option_of_the_user_s(play: Play, engine: str, value: Any) -> None:
    server = play([answer()])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ConfigurationError, match="no option 'observer'"):
            await client.request({"path": "/"}, observer=value)
