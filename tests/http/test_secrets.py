"""Nothing secret is told: not by spans, not by metrics, not by logs, wherever a secret may enter."""

from __future__ import annotations

import base64
import contextlib
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from scripted import ScriptedServer, answer

from inside import transport_of
from loops import EVERYWHERE
from proxyserver import Proxy
from pynector import ConnectError, Pynector, PynectorError
from pynector.testing import LoopbackServer
from transports import ExchangeOnly

pytestmark = pytest.mark.anyio

SECRET = "hunter2"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, spans: Any, points: Any) -> Callable[[], str]:
    """Gives all that was told, as text."""
    caplog.set_level(logging.DEBUG, "pynector")

    def everything() -> str:
        records = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
        return "\n".join([*records, *(span.to_json() for span in spans.get_finished_spans()), str(points())])

    return everything


@pytest.mark.parametrize("path", ["id/1", "status/500", "redirect/1", "hang", "close"])
async def test_no_secret_of_a_request_is_told(
    path: str, engine: str, server: LoopbackServer, told: Callable[[], str]
) -> None:
    base = server.url.replace("://", f"://user:{SECRET}@")
    request = {
        "method": "POST",
        "path": f"/{path}?own={SECRET}&{SECRET}",
        "params": {"token": SECRET},
        "headers": {"Authorization": f"Bearer {SECRET}", "X-Key": SECRET},
        "content": f"body {SECRET}",
    }
    results: list[Any] = []
    settings: dict[str, Any] = {"params": {"key": SECRET}, "cookies": {"session": SECRET}, "http_engine": engine}
    async with Pynector(base_url=base, **settings) as client:
        results += await client.batch_request([(request, {"timeout": 0.15})])
        with contextlib.suppress(PynectorError):
            await client.request_with_retry(request, 2, 0, headers={"X-Other": SECRET}, timeout=0.15)
        with contextlib.suppress(PynectorError):
            async with client.stream(request, 0.15, auth=("user", SECRET)) as response:
                await response.read()
    text = told() + "".join(f"{result} {result!r}" for result in results if isinstance(result, Exception))
    for part in ("request.start", "batch.complete", "pynector.batch_request", "url.full", "http.client.request.dur"):
        assert part in text
    assert SECRET not in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": {"X-Key": f"{SECRET}\n"}},
        {"headers": {f"{SECRET} ": "x"}},
        {"auth": f"{SECRET}\n"},
        {"cookies": {"session": f"{SECRET};"}},
        {"url": f"ftp://user:{SECRET}@host/"},
        {"method": f"{SECRET} "},
    ],
)
async def test_no_secret_of_a_request_that_is_refused_is_told(
    wrong: dict[str, Any], engine: str, server: LoopbackServer, told: Callable[[], str]
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.batch_request([(None, wrong)])
        with pytest.raises(PynectorError):
            await client.request(None, **wrong)
    assert "request.error" in told()
    assert SECRET not in told()


@pytest.mark.parametrize(
    "reply",
    [
        answer(SECRET.encode(), "200 OK", f"Set-Cookie: a={SECRET}"),
        answer(SECRET.encode(), f"500 {SECRET}", f"X: {SECRET}"),
        f"HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n".encode(),
        f"{SECRET}\r\n\r\n".encode(),
        answer(SECRET.encode(), "200 OK", "Content-Encoding: gzip"),
        answer(b"", "302 Found", f"Location: ftp://{SECRET}@host/"),
    ],
)
async def test_no_secret_of_an_answer_is_told(
    reply: bytes, engine: str, play: Callable[..., ScriptedServer], told: Callable[[], str]
) -> None:
    async with Pynector(base_url=play([reply, reply]).url, http_engine=engine) as client:
        await client.batch_request([({"path": "/"}, {})])
        with contextlib.suppress(PynectorError):
            await client.request({"path": "/"})
    assert "pynector.request" in told()
    assert SECRET not in told()


def shown_by(error: BaseException | None) -> Iterator[str]:
    """Give all that an error, and those it came of, may show to whoever reports it, with the locals of frames."""
    while error is not None:
        yield repr((error, str(error), error.args, vars(error), getattr(error, "__notes__", ())))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "test" not in frame.f_code.co_filename:
                yield repr(frame.f_locals)
        error = error.__cause__ or error.__context__


REFUSALS: dict[str, Any] = {
    "another status": answer(b"no", "407 Proxy Authentication Required"),
    "nonsense": b"nonsense\r\n\r\n",
    "its end": "close",
    "a reset": "reset",
    "silence": "hang",
    "silence in TLS": [b"HTTP/1.1 200 OK\r\n\r\n", "hang"],
}


@EVERYWHERE
@pytest.mark.parametrize("scheme", ["http", "https", "socks5h", "socks5"])
async def test_no_password_of_a_proxy_is_told(
    scheme: str, server: LoopbackServer, play: Callable[..., ScriptedServer], told: Callable[[], str]
) -> None:
    pytest.importorskip("httptools")
    shown: list[str] = []

    async def through(port: int, base: str) -> Any:
        proxy = f"{scheme}://user:{SECRET}@127.0.0.1:{port}"
        async with Pynector(base_url=base, proxy=proxy, verify=False, http_engine="native") as client:
            (result,) = await client.batch_request([({"path": "/id/1"}, {"timeout": 0.5})])
            if isinstance(result, PynectorError):
                shown.extend([pickle.dumps(result).decode("latin-1"), *shown_by(result)])
            shown.extend([repr(client), repr(client.stats()), repr(transport_of(client))])
        return result

    with Proxy(password=SECRET.encode()) as right, Proxy(password=b"another", refuse=True) as wrong:
        if scheme != "https":
            assert await through(right.port, server.url) == b"1"

        async def in_vain(port: int) -> None:
            assert isinstance(await through(port, "https://127.0.0.1:9"), ConnectError | TimeoutError)

        async with anyio.create_task_group() as group:
            for port in (wrong.port, play(listening=False).port, *(play([REFUSALS[name]]).port for name in REFUSALS)):
                group.start_soon(in_vain, port)
    text = "\n".join([told(), *shown])
    for secret in (SECRET, base64.b64encode(f"user:{SECRET}".encode()).decode()):
        assert secret not in text


async def test_no_secret_of_a_transport_of_ones_own_is_told(told: Callable[[], str]) -> None:
    async with Pynector(ExchangeOnly()) as client:
        for error in (KeyError(SECRET), ConnectionResetError(SECRET), ValueError(SECRET)):
            await client.batch_request([(error, {}), (SECRET, {"key": SECRET})])
            with pytest.raises(PynectorError):
                await client.request_with_retry(error, 2, 0)
    assert "pynector.PynectorError" in told()
    assert SECRET not in told()
