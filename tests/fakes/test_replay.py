"""Replay: answers from a file, and what is recorded in one."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pynector import ConfigurationError, HTTPStatusError, Pynector, blocking
from pynector.testing import LoopbackServer, NoAnswer, Replay

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "recordings" / "answers.json"


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def exchanges_in(file: Path) -> list[Any]:
    found: list[Any] = json.loads(text_of(file))["exchanges"]
    return found


def put(file: Path, *exchanges: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"version": 1, "exchanges": exchanges}), encoding="utf-8")


async def ask(url: str, options: dict[str, Any], *requests: dict[str, Any]) -> list[Any]:
    async with Pynector(base_url=url, as_response=True, raise_for_status=False, **options) as client:
        return [await client.request(request) for request in requests]


REQUESTS: list[dict[str, Any]] = [
    {"path": "/id/7", "params": {"token": "secret"}},
    {"path": "/echo", "json": {"a": ["ä", 1.5, None]}},
    {"path": "/echo", "content": b"\xff\x00"},
    {"path": "/echo", "content": '{"a": 1.0, "a": 2}'},
    {"path": "/echo", "content": "{no json"},
    {"path": "/redirect/2"},
    {"path": "/compressed/gzip"},
    {"path": "/status/404"},
    {"path": "/headers", "params": {"Set-Cookie": "session=secret"}, "headers": {"Authorization": "Bearer secret"}},
]


async def test_what_was_recorded_is_answered_without_the_server(
    server: LoopbackServer, file: Path, engine: str
) -> None:
    options = {"http_engine": engine, "cookies": {"session": "secret"}}
    with Replay(file, record="new").everywhere() as replay:
        first = await ask(server.url, options, *REQUESTS)
    assert len(replay.requests) == len(REQUESTS) + 2
    server.reset()
    with Replay(file).everywhere() as replay:
        second = await ask(server.url, options, *REQUESTS)
    assert server.stats().requests == 0
    replay.assert_all_used()
    for before, after in zip(first, second, strict=True):
        assert (after.status_code, after.text, after.url) == (before.status_code, before.text, before.url)
        assert [hop.status_code for hop in after.history] == [hop.status_code for hop in before.history]
    assert "json" in first[6].headers["content-type"]


async def test_the_file_can_be_read_and_has_no_secrets(server: LoopbackServer, file: Path) -> None:
    with Replay(file, record="new").everywhere():
        await ask(server.url.replace("//", "//user:secret@"), {"cookies": {"session": "secret"}}, *REQUESTS[:4])
        headers = {"Authorization": "Bearer secret", "X-Own": "open"}
        await ask(server.url, {"headers": headers}, {"path": "/id/8"})
    assert "secret" not in text_of(file)
    exchanges = exchanges_in(file)
    assert exchanges[0]["request"]["url"] == f"{server.url}/id/7?token=HIDDEN"
    assert exchanges[1]["request"]["json"] == exchanges[1]["answer"]["json"] == {"a": ["ä", 1.5, None]}
    assert exchanges[2]["request"]["base64"] == "/wA="
    assert exchanges[3]["request"]["text"] == '{"a": 1.0, "a": 2}'
    assert ["X-Own", "open"] in exchanges[4]["request"]["headers"]


async def test_what_is_edited_is_what_is_answered(server: LoopbackServer, file: Path) -> None:
    with Replay(file, record="new").everywhere():
        await ask(server.url, {}, {"path": "/id/7"})
    [exchange] = exchanges_in(file)
    exchange["answer"] = {"status": 503, "json": {"wait": True}, "headers": {"X-Edited": "1"}}
    put(file, exchange)
    with Replay(file).everywhere():
        async with Pynector(base_url=server.url) as client:
            with pytest.raises(HTTPStatusError) as caught:
                await client.request({"path": "/id/7"})
    assert caught.value.response.headers["x-edited"] == "1"


async def test_what_is_new_fails(server: LoopbackServer, file: Path) -> None:
    with Replay(file, record="new").everywhere():
        await ask(server.url, {}, {"path": "/echo", "json": 1})
    server.reset()
    with ExitStack() as held:
        replay = held.enter_context(Replay(file).everywhere())
        with pytest.raises(NoAnswer, match=r"POST .*/echo is not in "):
            await ask(server.url, {}, {"path": "/echo", "json": 2})
        await ask(server.url, {}, {"path": "/echo", "json": 1})
        with pytest.raises(NoAnswer, match="or not so often"):
            await ask(server.url, {}, {"path": "/echo", "json": 1})
        with pytest.raises(AssertionError, match="is not in"):
            held.close()
    assert server.stats().requests == 0
    replay.assert_all_used()


async def test_what_is_new_is_added_and_the_rest_not_asked_again(server: LoopbackServer, file: Path) -> None:
    for path in ("/id/1", "/id/2"):
        server.reset()
        with Replay(file, record="new").everywhere() as replay:
            await ask(server.url, {}, {"path": path}, *([{"path": "/id/1"}] if path != "/id/1" else []))
        assert server.stats().requests == 1
    assert len(exchanges_in(file)) == 2
    with Replay(file).everywhere() as replay:
        await ask(server.url, {}, {"path": "/id/1"})
    with pytest.raises(AssertionError, match=r"nobody has asked for GET .*/id/2"):
        replay.assert_all_used()


async def test_a_function_hides_what_only_the_user_knows(server: LoopbackServer, file: Path) -> None:
    def scrub(entry: dict[str, Any]) -> None:
        entry["request"]["json"]["password"] = "..."
        if "answer" in entry:
            entry["answer"]["json"]["password"] = "..."

    options: dict[str, Any] = {"scrub": scrub, "secret_headers": ["X-Own"], "secret_params": ["own"]}
    request = {"path": "/echo", "params": {"own": "secret"}, "headers": {"X-Own": "secret"}}
    with Replay(file, record="new", **options).everywhere():
        await ask(server.url, {}, {**request, "json": {"user": "a", "password": "secret"}})
    assert "secret" not in text_of(file)
    with Replay(file, **options).everywhere():
        [answer] = await ask(server.url, {}, {**request, "json": {"user": "a", "password": "another"}})
    assert answer.json() == {"user": "a", "password": "..."}


def test_a_blocking_client_and_its_batches_are_recorded(server: LoopbackServer, file: Path) -> None:
    for record in ("new", "none"):
        with Replay(file, record=record).everywhere(), blocking.Pynector(base_url=server.url) as client:
            answers = client.batch_request([({"path": f"/id/{n}"}, {}) for n in range(5)])
            assert answers == [b"%d" % n for n in range(5)]


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", '{"version": 2, "exchanges": []}', '{"version": 1, "exchanges": [{}]}', '{"exchanges": []}'],
)
def test_a_file_that_is_none_is_refused(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="is no recording"):
        Replay(file)


async def test_an_answer_that_is_none_is_refused(file: Path) -> None:
    put(file, {"request": {"method": "GET", "url": "http://a.example.com/"}, "answer": {"status": "200"}})
    with Replay(file).everywhere():
        async with Pynector() as client:
            with pytest.raises(ConfigurationError, match="an answer that is none"):
                await client.request({"url": "http://a.example.com/"})


def test_a_mode_that_is_none_is_refused(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="record must be one of none, new"):
        Replay(file, record="all")
