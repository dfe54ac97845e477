"""What goes on the wire is fixed when a request is submitted, and so is its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from scripted import ScriptedServer, answer

from pynector import ConnectionLost, HTTPStatusError, Pynector, PynectorError

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio


def spoil(request: dict[str, Any]) -> None:
    """Make a request one that cannot be prepared any more."""
    request["json"]["more"] = object()
    request["unknown"] = 1


@pytest.mark.parametrize("how", ["single", "batch"])
@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (answer(b"no", "404 Not Found"), HTTPStatusError),
        ("reset", ConnectionLost),
        (b"nonsense\r\n\r\n", PynectorError),
    ],
)
async def test_a_request_that_changes_in_flight_ends_as_it_would_have(
    play: Play, engine: str, response: Any, kind: type[PynectorError], how: str
) -> None:
    request: dict[str, Any] = {"method": "POST", "path": "/x", "json": {"n": 1}}
    server = play([[lambda: spoil(request), response]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with anyio.fail_after(20):
            if how == "batch":
                (error,) = await client.batch_request([(request, {})])
            else:
                with pytest.raises(PynectorError) as failed:
                    await client.request(request)
                error = failed.value
    assert isinstance(error, kind)
    assert error.request == f"POST {server.url}/x"
    assert getattr(error, "sent", None) == "full"


@pytest.mark.parametrize("options", [{}, {"as_response": True}, {"headers": {"X-A": "1"}}])
@pytest.mark.parametrize("how", ["single", "batch", "stream"])
async def test_a_redirect_sends_what_was_sent_first(play: Play, engine: str, how: str, options: dict[str, Any]) -> None:
    request: dict[str, Any] = {"method": "POST", "path": "/x", "json": {"n": 1}}
    server = play([[lambda: spoil(request), answer(b"", "307 Again", "Location: /y")], answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with anyio.fail_after(20):
            if how == "batch":
                (result,) = await client.batch_request([(request, options)])
            elif how == "stream":
                async with client.stream(request, **{k: v for k, v in options.items() if k == "headers"}) as response:
                    result = await response.read()
            else:
                result = await client.request(request, **options)
    assert getattr(result, "content", result) == b"done"
    first, second = server.requests
    assert second.startswith(b"POST /y HTTP/1.1\r\n")
    assert first.partition(b" HTTP/1.1\r\n")[2] == second.partition(b" HTTP/1.1\r\n")[2]
    assert json.loads(second.partition(b"\r\n\r\n")[2]) == {"n": 1}


@pytest.mark.parametrize("kind", ["answer", "lost"])
async def test_a_replay_sends_what_was_sent_first(play: Play, engine: str, kind: str) -> None:
    request: dict[str, Any] = {"method": "PUT", "path": "/x", "json": {"n": 1}}
    server = play([answer(), [lambda: spoil(request), "close"]], [answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"path": "/"}) == b"ok"
        assert await client.request(request) == b"done"
    _, first, second = server.requests
    assert first == second


async def test_a_stream_s_parameters_are_read_once(play: Play, engine: str) -> None:
    server = play([answer()])
    request = {"path": "/inspect", "params": iter([("a", "1")])}
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream(request) as response:
        assert await response.read() == b"ok"
    assert server.requests[0].startswith(b"GET /inspect?a=1 ")
