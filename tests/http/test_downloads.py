"""Answers into files: whole ones, what is gone on with, and what must not be."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from scripted import ScriptedServer, answer, out_of_time

from pynector import (
    ConfigurationError,
    HTTPStatusError,
    ProtocolError,
    Pynector,
    TransportError,
    downloads,
)
from pynector.testing import LoopbackServer

Play = Callable[..., ScriptedServer]
pytestmark = pytest.mark.anyio

BODY = os.urandom(3_000_000)
TAG = 'ETag: "1"'


@pytest.fixture(params=["auto"])
def engine(request: pytest.FixtureRequest) -> str:
    """They stand above the engines."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "WAIT", 0.001)


def cut(body: bytes, size: int, *headers: str, status: str = "200 OK") -> list[Any]:
    """A step that ends after some of a body."""
    return [answer(body, status, *headers)[: -(len(body) - size)], "close"]


def rest(start: int, *headers: str, body: bytes = BODY) -> bytes:
    return answer(
        body[start:], "206 Partial Content", f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}", *headers
    )


def asked_for(server: ScriptedServer) -> list[tuple[bytes, bytes]]:
    """The Range and If-Range of each request."""

    def field(name: bytes, request: bytes) -> bytes:
        found = re.search(rb"(?i)\r\n%b: *(.*)\r\n" % name, request)
        return b"" if found is None else found[1]

    return [(field(b"range", request), field(b"if-range", request)) for request in server.requests]


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_file(client: Pynector, server: LoopbackServer, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    path = await client.download(
        "/bytes/2500000", tmp_path / "it", progress=lambda size, total: told.append((size, total))
    )
    assert path == tmp_path / "it"
    assert path.read_bytes() == await client.get("/bytes/2500000")
    assert only(tmp_path) == ["it"]
    assert told[-1] == (2_500_000, 2_500_000)
    assert told == sorted(told)
    assert len(told) >= 3
    assert await client.download(f"{server.url}/bytes/0", str(tmp_path / "none")) == tmp_path / "none"
    assert (tmp_path / "none").read_bytes() == b""


async def test_what_is_there_is_replaced(play: Play, engine: str, tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"old")
    server = play([answer(b"new", "200 OK", TAG)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.download({"path": "/x"}, tmp_path / "it")
    assert (tmp_path / "it").read_bytes() == b"new"
    assert only(tmp_path) == ["it"]
    assert b"identity" in server.received


@pytest.mark.parametrize("gone_by", ["200 OK", "206 Partial Content"])
async def test_a_connection_that_breaks_is_gone_on_with(play: Play, engine: str, tmp_path: Path, gone_by: str) -> None:
    second = answer(BODY, gone_by, TAG) if gone_by.startswith("200") else rest(2_000_000, TAG)
    server = play([cut(BODY, 2_000_000, TAG)], [second])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        path = await client.download("/x", tmp_path / "it")
    assert path.read_bytes() == BODY
    assert only(tmp_path) == ["it"]
    assert asked_for(server) == [(b"", b""), (b"bytes=2000000-", b'"1"')]


async def test_a_later_call_goes_on(play: Play, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "FRUITLESS", -1)
    old = "Last-Modified: Fri, 01 Jan 2021 00:00:00 GMT"
    server = play([cut(BODY, 10, old, "Date: Sat, 02 Jan 2021 00:00:00 GMT")], [rest(10, old)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TransportError):
            await client.download("/x", tmp_path / "it")
        assert only(tmp_path) == ["it.part", "it.part.json"]
        assert (tmp_path / "it.part").read_bytes() == BODY[:10]
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.download("/x", tmp_path / "it")
    assert (tmp_path / "it").read_bytes() == BODY
    assert only(tmp_path) == ["it"]
    assert asked_for(server)[1] == (b"bytes=10-", b"Fri, 01 Jan 2021 00:00:00 GMT")


@pytest.mark.parametrize(
    "fields",
    [(), ('ETag: W/"1"',), ("Last-Modified: Fri, 01 Jan 2021 00:00:00 GMT", "Date: Fri, 01 Jan 2021 00:00:01 GMT")],
)
async def test_what_may_have_changed_begins_anew(
    play: Play, engine: str, tmp_path: Path, fields: tuple[str, ...]
) -> None:
    server = play([cut(BODY, 10, *fields)], [answer(BODY, "200 OK")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.download("/x", tmp_path / "it")
    assert (tmp_path / "it").read_bytes() == BODY
    assert asked_for(server)[1] == (b"", b"")


async def test_the_beginning_of_something_else(play: Play, engine: str, tmp_path: Path) -> None:
    (tmp_path / "it.part").write_bytes(b"else")
    for note in ("{", "[]", json.dumps({"request": "of another", "validator": '"1"'})):
        (tmp_path / "it.part.json").write_text(note)
        server = play([answer(b"new", "200 OK", TAG)])
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            await client.download("/x", tmp_path / "it")
        assert (tmp_path / "it").read_bytes() == b"new"
        assert asked_for(server) == [(b"", b"")]


@pytest.mark.parametrize("length", [10, 4])
async def test_nothing_beyond_what_is_there(play: Play, engine: str, tmp_path: Path, length: int) -> None:
    none = answer(b"", "416 Range Not Satisfiable", f"Content-Range: bytes */{length}", "Connection: close")
    server = play([cut(BODY, 10, TAG)], [[none, "close"]], [answer(BODY, "200 OK", TAG)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.download("/x", tmp_path / "it")
    assert (tmp_path / "it").read_bytes() == (BODY[:10] if length == 10 else BODY)


async def test_a_server_that_gives_less_than_asked_for(play: Play, engine: str, tmp_path: Path) -> None:
    first = answer(
        BODY[10:20], "206 Partial Content", f"Content-Range: bytes 10-19/{len(BODY)}", TAG, "Connection: close"
    )
    server = play([cut(BODY, 10, TAG)], [first], [rest(20, TAG)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.download("/x", tmp_path / "it")
    assert (tmp_path / "it").read_bytes() == BODY


async def test_another_range_than_asked_for(play: Play, engine: str, tmp_path: Path) -> None:
    server = play([cut(BODY, 10, TAG)], [rest(9, TAG)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ProtocolError, match="another range"):
            await client.download("/x", tmp_path / "it")


@pytest.mark.parametrize("validator", [TAG, "Last-Modified: Fri, 01 Jan 2021 00:00:00 GMT"])
async def test_a_part_of_another_version(play: Play, engine: str, tmp_path: Path, validator: str) -> None:
    """As from a server that knows ranges, but not If-Range."""
    other = {TAG: 'ETag: "2"'}.get(validator, "Last-Modified: Sat, 02 Jan 2021 00:00:00 GMT")
    changed = os.urandom(len(BODY))
    part = rest(10, other, body=changed)
    server = play(
        [cut(BODY, 10, validator, "Date: Sun, 03 Jan 2021 00:00:00 GMT")], [part], [answer(changed, "200 OK", other)]
    )
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.download("/x", tmp_path / "it")
    assert (tmp_path / "it").read_bytes() == changed
    assert asked_for(server)[2] == (b"", b"")


async def test_a_server_that_gives_nothing_of_what_is_left(play: Play, engine: str, tmp_path: Path) -> None:
    none = answer(b"", "206 Partial Content", f"Content-Range: bytes 10-9/{len(BODY)}", TAG, "Connection: close")
    server = play([cut(BODY, 10, TAG)], [none])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ProtocolError, match="nothing of what is left"):
            await client.download("/x", tmp_path / "it")


async def test_an_end_to_all_patience(play: Play, engine: str, tmp_path: Path) -> None:
    server = play(["reset"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TransportError):
            await client.download("/x", tmp_path / "it")
    assert only(tmp_path) == []
    assert len(server.connections) >= downloads.FRUITLESS + 1


@pytest.mark.parametrize("options", [{"resume": False}, {"method": "POST", "content": b"x"}])
async def test_what_is_asked_once(play: Play, engine: str, tmp_path: Path, options: dict[str, Any]) -> None:
    server = play([cut(BODY, 10, TAG)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TransportError):
            await client.download("/x", tmp_path / "it", **options)
    assert len(server.requests) == 1


async def test_silence(play: Play, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "FRUITLESS", 0)
    whole = answer(BODY, "200 OK", TAG)
    server = play(*[[[whole[:-100], "hang"]]] * 3)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        error = await out_of_time(partial(client.download, "/x", tmp_path / "it"), "body")
    assert f"within {error.seconds} s" in str(error)
    assert (tmp_path / "it.part").read_bytes() == BODY[:-100]


async def test_a_status_is_raised(client: Pynector, tmp_path: Path) -> None:
    with pytest.raises(HTTPStatusError):
        await client.download("/status/404", tmp_path / "it")
    assert only(tmp_path) == []


async def test_a_body_with_a_coding_all_the_same(play: Play, engine: str, tmp_path: Path) -> None:
    server = play([answer(gzip.compress(b"text" * 1000), "200 OK", "Content-Encoding: gzip", TAG)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.download("/x", tmp_path / "it")
    assert (tmp_path / "it").read_bytes() == b"text" * 1000


async def test_it_is_cancelled_and_gone_on_with(play: Play, engine: str, tmp_path: Path) -> None:
    server = play([[answer(BODY, "200 OK", TAG)[:-100], "hang"]], [rest(len(BODY) - 100, TAG)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with anyio.move_on_after(5) as scope:

            def seen(size: int, total: int | None) -> None:
                if size > 2_000_000:
                    scope.cancel()

            await client.download("/x", tmp_path / "it", progress=seen)
        assert scope.cancelled_caught
        kept = (tmp_path / "it.part").stat().st_size
        assert kept > 2_000_000
        server.script([rest(kept, TAG)])
        await client.download("/x", tmp_path / "it")
    assert (tmp_path / "it").read_bytes() == BODY


async def test_wrong_use(client: Pynector, tmp_path: Path) -> None:
    for wrong in ({"path": 7}, {"resume": "yes"}, {"progress": True}, {"timeout": 0}):
        arguments: Any = {"request": "/", "path": tmp_path / "it", **wrong}
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            await client.download(**arguments)
    with pytest.raises(FileNotFoundError):
        await client.download("/bytes/1", tmp_path / "none" / "it")
