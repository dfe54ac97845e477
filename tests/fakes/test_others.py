"""What other packages answer under the engines by name: respx does, vcrpy does not, as docs/testing.md says."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import vcr

from pynector import Pynector
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

# By the name of an engine, what respx is to stand in for below it.
MOCKED = {"httpx": "httpcore"}
if find_spec("pytest_httpx2"):
    import pytest_httpx2  # noqa: F401 - for what it adds to respx

    MOCKED["httpx2"] = "httpcore2"

URL = "http://api.invalid"


@pytest.mark.parametrize("engine", MOCKED)
async def test_respx_answers(engine: str) -> None:
    with respx.mock(base_url=URL, using=MOCKED[engine]) as mock:
        route = mock.post("/items", json={"a": 1}).mock(
            side_effect=[httpx.Response(503), httpx.Response(200, json={"id": 7}, headers={"X-Name": "value"})]
        )
        mock.get(path__startswith="/id").mock(return_value=httpx.Response(200, text="text"))
        async with Pynector(base_url=URL, http_engine=engine, as_response=True) as client:
            data = {"method": "POST", "path": "/items", "json": {"a": 1}}
            response = await client.request_with_retry(data, 2, 0.001, idempotency_key=True)
            assert (response.json(), response.headers["x-name"], response.attempts) == ({"id": 7}, "value", 2)
            results: Any = await client.batch_request([({"path": f"/id/{number}"}, {}) for number in range(3)])
            assert [result.text for result in results] == ["text"] * 3
            async with client.stream({"path": "/id/7"}) as stream:
                assert await stream.read() == b"text"
    assert [call.request.url.path for call in route.calls] == ["/items"] * 2


async def test_respx_is_not_asked_by_the_native_engine(server: LoopbackServer) -> None:
    pytest.importorskip("httptools")
    with respx.mock(base_url=server.url, assert_all_called=False) as mock:
        mock.get("/id/7").mock(return_value=httpx.Response(200, text="mocked"))
        async with Pynector(base_url=server.url, http_engine="native") as client:
            assert await client.request({"path": "/id/7"}) == b"7"


@pytest.mark.parametrize("engine", MOCKED)
async def test_vcrpy_records_nothing(engine: str, server: LoopbackServer, tmp_path: Path) -> None:
    """It stands in for the transports of httpx's clients, and no engine has one."""
    server.reset()
    with vcr.use_cassette(tmp_path / "cassette.yaml") as cassette:
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            assert await client.request({"path": "/id/7"}) == b"7"
    assert (len(cassette), server.stats().requests) == (0, 1)
