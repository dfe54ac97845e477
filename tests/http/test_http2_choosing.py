"""Which protocol is spoken, by which engine, and over how many connections."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme

from loops import PACKAGES
from pynector import ConfigurationError, ConnectError, HTTP2Error, Pynector
from pynector.testing import LoopbackServer
from pynector.transport.http import choosing

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> Any:
    """One loop: which one it is does not matter here."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An authority's certificate, and a server's with its key."""
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return folder / "ca.pem", folder / "server.pem"


@pytest.fixture(scope="module")
def secure(files: tuple[Path, Path]) -> Iterator[LoopbackServer]:
    """A server that speaks both, over TLS."""
    with LoopbackServer(certfile=str(files[1]), http2=True) as server:
        yield server


@pytest.fixture(scope="module")
def clear() -> Iterator[LoopbackServer]:
    """A server that speaks both, in clear text, and takes two streams on a connection."""
    with LoopbackServer(http2=True, http2_settings={"max_concurrent_streams": 2}) as server:
        yield server


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Have packages be not installed."""
    for module in (choosing, __import__("pynector.transport.http.httpx.routes", fromlist=["routes"])):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name in names else find_spec(name))


async def version(**options: Any) -> str:
    """Return the protocol that a client speaks."""
    async with Pynector(as_response=True, **options) as client:
        answered: str = (await client.request({"path": "/id/1"})).http_version
        return answered


@pytest.mark.parametrize("engine", ["auto", "native", *PACKAGES])
async def test_a_server_with_both_is_asked_for_http2_where_it_is_wanted(
    secure: LoopbackServer, files: tuple[Path, Path], engine: str
) -> None:
    options: dict[str, Any] = {"base_url": secure.url, "verify": str(files[0]), "http_engine": engine}
    assert [await version(http2=http2, **options) for http2 in (False, True, "only")] == [
        "HTTP/1.1",
        "HTTP/2",
        "HTTP/2",
    ]


@pytest.mark.parametrize("engine", ["native", "httpx"])
async def test_in_clear_text_http2_is_spoken_only_where_nothing_else_is(clear: LoopbackServer, engine: str) -> None:
    assert await version(base_url=clear.url, http2=True, http_engine=engine) == "HTTP/1.1"
    assert await version(base_url=clear.url, http2="only", http_engine=engine) == "HTTP/2"


async def test_a_server_without_http2_is_refused_where_nothing_else_is_spoken(files: tuple[Path, Path]) -> None:
    with LoopbackServer(certfile=str(files[1])) as server:
        assert await version(base_url=server.url, verify=str(files[0]), http2=True) == "HTTP/1.1"
        with pytest.raises(ConnectError, match="does not speak HTTP/2") as caught:
            await version(base_url=server.url, verify=str(files[0]), http2="only")
    assert (caught.value.phase, caught.value.sent, caught.value.transient) == ("tls", "none", False)


async def test_without_ngh2_it_runs_on_httpx(
    secure: LoopbackServer, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"base_url": secure.url, "verify": str(files[0]), "http2": True}
    without(monkeypatch, "ngh2")
    assert await version(**options) == "HTTP/2"
    with pytest.raises(ConfigurationError, match=r"ngh2 is not installed.*pynector\[http2\]"):
        await version(http_engine="native", **options)
    without(monkeypatch, "ngh2", "h2")
    with pytest.raises(ConfigurationError, match=r"pynector\[http2\]"):
        await version(**options)


async def test_a_connection_carries_as_many_as_its_server_takes(clear: LoopbackServer) -> None:
    async with Pynector(base_url=clear.url, http2="only") as client:
        answers = await client.batch_request([({"path": "/delay/0.05"}, {})] * 8, max_concurrency=6)
        assert answers == [b"0.05"] * 8
        assert client.stats().connections == {"active": 0, "idle": 3}


@pytest.mark.parametrize(("options", "connections"), [({"max_streams": 1}, 4), ({"max_connections": 1}, 1)])
async def test_it_carries_no_more_than_the_client_says(
    clear: LoopbackServer, options: dict[str, Any], connections: int
) -> None:
    async with Pynector(base_url=clear.url, http2="only", **options) as client:
        assert await client.batch_request([({"path": "/delay/0.01"}, {})] * 9, max_concurrency=4) == [b"0.01"] * 9
        assert client.stats().connections["idle"] == connections


async def test_a_busy_origin_yields_a_place_to_another(clear: LoopbackServer) -> None:
    with LoopbackServer(http2=True) as other:
        async with Pynector(base_url=clear.url, http2="only", max_connections=1) as client:
            done = False

            async def keep_busy() -> None:
                while not done:
                    await client.request({"path": "/delay/0.01"})

            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(keep_busy)
                with anyio.fail_after(20):
                    assert await client.request({"url": f"{other.url}/id/7"}) == b"7"
                done = True


async def test_no_field_goes_out_that_is_not_of_http2_and_no_secret_is_compressed(clear: LoopbackServer) -> None:
    headers = {"Connection": "close", "Keep-Alive": "5", "TE": "gzip", "X-Upper": "a", "X-API-Key": "k"}
    async with Pynector(base_url=clear.url, http2="only", auth="token", cookies={"a": "1"}) as client:
        seen = json.loads(await client.request({"path": "/inspect", "headers": headers}))
        again = json.loads(await client.request({"path": "/inspect", "headers": {"TE": "trailers"}}))
    names = [name for name, _ in seen["headers"]]
    assert names[:4] == [":method", ":scheme", ":path", ":authority"]
    assert not {"connection", "keep-alive", "te", "host"} & set(names)
    assert ["x-upper", "a"] in seen["headers"]
    assert sorted(seen["never_indexed"]) == ["authorization", "cookie", "x-api-key"]
    assert ["te", "trailers"] in again["headers"]


class Noted(ssl.SSLContext):
    """A context that notes what it is made to offer."""

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        self.offers = [*getattr(self, "offers", []), alpn_protocols]
        super().set_alpn_protocols(alpn_protocols)


@pytest.mark.parametrize("own", [None, ["http/1.1"], ["http/1.1", "h2"], ["h2"]])
async def test_a_context_that_does_not_offer_http2_is_made_to_with_a_warning_and_another_is_left_alone(
    files: tuple[Path, Path], secure: LoopbackServer, own: list[str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    context = Noted(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(files[0]))
    if own is not None:
        context.set_alpn_protocols(own)
    said = [own] if own is not None else []
    for _ in range(2):
        assert await version(base_url=secure.url, verify=context, http2=True) == "HTTP/2"
    is_changed = own is None or "h2" not in own
    assert getattr(context, "offers", []) == ([*said, ["h2", "http/1.1"]] if is_changed else said)
    assert [record.name for record in caplog.records].count("pynector.transport") == is_changed


# Servers that ask for HTTP/1.1 (RFC 9113 section 7)

RESET = {"path": "/h2-reset?code=http_1_1_required"}


async def once() -> AsyncIterator[bytes]:
    yield b"x"


@pytest.mark.parametrize("data", [RESET, {**RESET, "method": "PUT", "content": b"x"}])
async def test_a_request_that_a_server_wants_over_http1_is_sent_so(
    files: tuple[Path, Path], secure: LoopbackServer, data: Any
) -> None:
    async with Pynector(
        base_url=secure.url, verify=str(files[0]), http2=True, as_response=True, raise_for_status=False
    ) as client:
        requests = ({"path": "/id/1"}, data, {"path": "/id/2"}, data, data)
        answers = [await client.request(request) for request in requests]
        assert [answer.http_version[5:] for answer in answers] == ["2", "1.1", "2", "1.1", "1.1"]
        # One of each.
        assert client.stats().connections == {"active": 0, "idle": 2}


GOAWAY = "/h2-goaway?code=http_1_1_required&"


@pytest.mark.parametrize("most", [None, 1])
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize(
    ("method", "end", "is_sent"),
    [
        ("POST", "last=below", True),
        ("POST", "last=none&close=1", True),
        ("GET", "close=1", True),
        ("POST", "close=1", False),
    ],
)
async def test_a_connection_may_be_ended_so_too(
    files: tuple[Path, Path], secure: LoopbackServer, method: str, end: str, is_sent: bool, used: bool, most: int | None
) -> None:
    """What the server has not looked at is sent over HTTP/1.1 whatever its method."""
    options: dict[str, Any] = {"base_url": secure.url, "verify": str(files[0]), "http2": True, "max_connections": most}
    async with Pynector(**options, as_response=True, raise_for_status=False) as client:
        if used:
            assert (await client.request({"path": "/id/1"})).http_version == "HTTP/2"
        data = {"method": method, "path": GOAWAY + end}
        if is_sent:
            assert (await client.request(data)).http_version == "HTTP/1.1"
        else:
            with pytest.raises(HTTP2Error, match="HTTP_1_1_REQUIRED") as caught:
                await client.request(data)
            assert (caught.value.phase, caught.value.sent) == ("headers", "full")
        assert (await client.request({"path": "/id/2"})).http_version == "HTTP/2"


@pytest.mark.parametrize("case", ["only", "post", "body", "context"])
async def test_what_cannot_be_sent_over_http1_fails_with_what_the_server_said(
    files: tuple[Path, Path], secure: LoopbackServer, case: str
) -> None:
    context = ssl.create_default_context(cafile=str(files[0]))
    context.set_alpn_protocols(["h2", "http/1.1"])
    verify: Any = context if case == "context" else str(files[0])
    # It may have acted on it all the same.
    body = {"post": {"method": "POST", "content": b"x"}, "body": {"method": "PUT", "content": once()}}
    data = {**RESET, **body.get(case, {})}
    async with Pynector(base_url=secure.url, verify=verify, http2="only" if case == "only" else True) as client:
        with pytest.raises(HTTP2Error, match="HTTP_1_1_REQUIRED") as caught:
            await client.request(data)
    assert (caught.value.phase, caught.value.sent) == ("headers", "full")
