"""The guard that fails a test on real network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from loops import LOOPS
from pynector import ConnectError, Pynector
from pynector.testing import FakeTransport, LoopbackServer, no_network

pytestmark = pytest.mark.anyio

# An address of a network for documents (RFC 5737), and a name that is nobody's (RFC 6761).
ELSEWHERE = ["192.0.2.1:9", "nobody.invalid:9"]


@contextmanager
def refusing(place: str) -> Iterator[None]:
    """Fails if nothing was refused."""
    with ExitStack() as held:
        refused = held.enter_context(no_network())
        yield
        assert set(refused) == {place}
        with pytest.raises(AssertionError, match=f"wanted to connect to {place}"):
            held.close()


@pytest.mark.parametrize("place", ELSEWHERE)
async def test_nothing_is_sent_elsewhere_and_nothing_retried(engine: str, place: str) -> None:
    with refusing(place):
        async with Pynector(base_url=f"http://{place}", http_engine=engine) as client:
            with pytest.raises(ConnectError, match="the test allows no network") as caught:
                await client.request_with_retry({"path": "/"}, max_retries=3, retry_delay=0.001)
            assert (caught.value.phase, caught.value.sent, caught.value.transient) == ("connect", "none", False)
            [result] = await client.batch_request([({"path": "/"}, {})])
            assert isinstance(result, ConnectError)
            with pytest.raises(ConnectError):
                async with client.stream({"path": "/"}):
                    pass


async def test_a_proxy_elsewhere_is_refused(engine: str) -> None:
    place = ELSEWHERE[0]
    with refusing(place):
        async with Pynector(base_url="http://localhost:9", http_engine=engine, proxy=f"http://{place}") as client:
            with pytest.raises(ConnectError, match="the test allows no network"):
                await client.request({"path": "/"})


async def test_an_address_that_a_name_is_given_counts(engine: str, server: LoopbackServer) -> None:
    port = server.url.rpartition(":")[2]
    resolve = {f"api.example.com:{port}": "127.0.0.1"}
    with no_network() as refused:
        async with Pynector(http_engine=engine, resolve=resolve) as client:
            assert await client.request({"url": f"http://api.example.com:{port}/id/7"}) == b"7"
    assert refused == []


async def test_this_machine_is_allowed(engine: str, server: LoopbackServer) -> None:
    with no_network() as refused:
        async with Pynector(http_engine=engine, base_url=server.url) as client:
            assert await client.request({"path": "/id/7"}) == b"7"
    assert refused == []


async def test_a_unix_socket_is_allowed_whatever_the_host(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with LoopbackServer(uds=path), no_network() as refused:
        for engine in ("native", "httpx"):
            async with Pynector(http_engine=engine, base_url="http://api.example.com", uds=path) as client:
                assert await client.request({"path": "/id/7"}) == b"7"
    assert refused == []


@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_websockets_are_refused(anyio_backend: Any) -> None:
    place = ELSEWHERE[1]
    with refusing(place):
        client = Pynector(transport_type="websocket", url=f"ws://{place}/")
        with pytest.raises(ConnectError, match="the test allows no network"):
            await client.request({"a": 1})
        await client.aclose()


async def test_a_fake_needs_no_network() -> None:
    with no_network() as refused, FakeTransport().everywhere() as fake:
        fake.answer(None, "well")
        async with Pynector() as client:
            assert await client.request({"url": "https://api.example.com/"}) == b"well"
    assert refused == []


async def test_guards_lie_one_in_another() -> None:
    with no_network():
        with refusing(ELSEWHERE[0]):
            async with Pynector() as client:
                with pytest.raises(ConnectError):
                    await client.request({"url": f"http://{ELSEWHERE[0]}/"})
        with refusing(ELSEWHERE[0]):
            async with Pynector() as client:
                with pytest.raises(ConnectError):
                    await client.request({"url": f"http://{ELSEWHERE[0]}/"})
