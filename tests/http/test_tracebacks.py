"""What an error carries along: its causes quote no header, its frames hold no password, and nothing logs a URL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import httpx
import pytest
from scripted import ScriptedServer, answer

from pynector import Pynector, PynectorError

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]

SECRET = "hunter2"

REPLIES: dict[str, Any] = {
    "bad header": [f"HTTP/1.1 200 OK\r\nSet-Cookie : {SECRET}\r\nno colon {SECRET}\r\n\r\n".encode(), "close"],
    "bad status line": [f"{SECRET} is this\r\n\r\n".encode(), "close"],
    "bad chunk": [f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n".encode(), "close"],
    "bad length": [f"HTTP/1.1 200 OK\r\nContent-Length: {SECRET}\r\n\r\n".encode(), "close"],
    "cut": [f"HTTP/1.1 200 OK\r\nSet-Cookie: {SECRET}\r\nContent-Length: 9\r\n\r\n".encode(), "close"],
    "closed": "close",
    "reset": "reset",
    "status": answer(b"no", "500 Error", f"Set-Cookie: {SECRET}"),
    "location": answer(b"", "302 Found", f"Location: ftp://user:{SECRET}@host/"),
    "coding": answer(b"no gzip", "200 OK", "Content-Encoding: gzip", f"Set-Cookie: {SECRET}"),
}


def chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if not any(link is known for known in seen):
            seen.append(link)
            waiting += [other for other in (link.__cause__, link.__context__) if other is not None]
    yield from seen


def frames(traceback: TracebackType | None) -> Iterator[Any]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def shown(error: BaseException, given: tuple[Any, ...] = ()) -> list[str]:
    """Where a report with the locals of all frames but the tests' own would show the secret."""
    found = []
    for link in chain(error):
        if SECRET in f"{link!s} {link!r} {link.args}":
            found.append(f"{type(link).__name__} itself")
        for frame in frames(link.__traceback__):
            if "/tests/" in frame.f_code.co_filename:
                continue
            where = f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_code.co_name}"
            found += [
                f"{where}: {name}"
                for name, value in frame.f_locals.items()
                # What the caller has given is the caller's, and in the frames of the caller anyway.
                if not any(value is thing or value == thing for thing in given) and SECRET in repr(value)
            ]
    return found


async def failure(client: Pynector, way: str, data: Any, options: dict[str, Any]) -> Any:
    with pytest.raises(PynectorError) as caught:
        await (read(client, data, options) if way == "stream" else client.request(data, **options))
    return caught.value


async def read(client: Pynector, data: Any, options: dict[str, Any]) -> None:
    async with client.stream(data, **options) as response:
        await response.read()


@pytest.mark.parametrize("way", ["request", "stream"])
@pytest.mark.parametrize("name", REPLIES)
async def test_an_error_shows_nothing_of_what_is_secret(play: Play, engine: str, name: str, way: str) -> None:
    settings: dict[str, Any] = {
        "auth": ("user", SECRET),
        "headers": {"X-Key": SECRET},
        "cookies": {"a": SECRET},
        "params": {"key": SECRET},
    }
    server = play([REPLIES[name]])
    base = server.url.replace("://", f"://user:{SECRET}@")
    async with Pynector(base_url=base, http_engine=engine, **settings) as client:
        error = await failure(client, way, {"method": "POST", "path": "/x", "content": b"body"}, {})
    assert shown(error) == []


@pytest.mark.parametrize("way", ["request", "stream"])
@pytest.mark.parametrize("name", ["closed", "bad header", "refused"])
async def test_what_the_caller_has_given_is_not_spread(play: Play, engine: str, name: str, way: str) -> None:
    server = play(listening=False) if name == "refused" else play([REPLIES[name]])
    data = {
        "method": "POST",
        "url": f"{server.url}/x?key={SECRET}",
        "headers": {"Authorization": SECRET},
        "json": {"password": SECRET},
    }
    options: dict[str, Any] = {"auth": ("user", SECRET), "cookies": {"a": SECRET}}
    async with Pynector(http_engine=engine) as client:
        error = await failure(client, way, data, options)
    assert shown(error, (data, options)) == []


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
async def test_nothing_logs_a_query(
    play: Play, engine: str, level: int, flow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    if flow and engine == "native":
        return
    caplog.set_level(level)
    server = play([answer(b"moved", "302 Found", f"Location: /there?{SECRET}"), answer(b"ok")])
    base = server.url.replace("://", f"://user:{SECRET}@")
    auth = httpx.DigestAuth("user", SECRET) if flow else None
    async with Pynector(base_url=base, http_engine=engine, auth=auth) as client:
        assert await client.request({"path": f"/x?key={SECRET}", "headers": {"X-Key": SECRET}}) == b"ok"
    # At DEBUG httpcore logs the header fields of answers: see docs/http.md.
    records = [record for record in caplog.records if not record.name.startswith("httpcore")]
    assert not [record for record in records if SECRET in record.getMessage()]
    if level == logging.INFO:
        assert records == caplog.records
        assert not [record for record in records if record.name.startswith("http")]
