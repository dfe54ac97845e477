"""Batches tell how far they have come, however they end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from pynector import BatchProgress, ConfigurationError, HTTPStatusError, Pynector
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio


def requests(count: int, path: str = "/id/{}?fail=5") -> list[Any]:
    return [({"path": path.format(number)}, {}) for number in range(1, count + 1)]


def without_end() -> Iterator[Any]:
    while True:
        yield {"path": "/id/1"}, {}


def numbers(progress: BatchProgress) -> tuple[int, int, int, int | None]:
    return progress.done, progress.failed, progress.in_flight, progress.total


@pytest.mark.parametrize("kind", [list, iter])
async def test_a_batch_is_told_of_to_its_end(server: LoopbackServer, kind: Any) -> None:
    told: list[BatchProgress] = []
    async with Pynector(base_url=server.url) as client:
        await client.batch_request(kind(requests(20)), on_progress=told.append)
    assert numbers(told[-1]) == (20, 4, 0, 20 if kind is list else None)
    assert all(progress.done + progress.in_flight <= 20 for progress in told)


async def test_a_stream_is_told_of_to_its_end(server: LoopbackServer) -> None:
    told: list[BatchProgress] = []
    async with Pynector(base_url=server.url) as client:
        async with client.batch_stream(requests(20), max_concurrency=3, on_progress=told.append) as results:
            assert len([item async for item in results]) == 20
        assert numbers(told[-1]) == (20, 4, 0, 20)


async def test_a_stream_that_is_left_is_over(server: LoopbackServer) -> None:
    told: list[BatchProgress] = []
    async with Pynector(base_url=server.url) as client:
        async with client.batch_stream(without_end(), max_concurrency=3, on_progress=told.append) as results:
            await anext(results)
        assert told[-1].done >= 1
        assert (told[-1].in_flight, told[-1].eta) == (0, 0.0)
        count = len(told)
        await client.request({"path": "/id/1"})
    assert len(told) == count


async def test_a_failure_that_is_raised_is_told_of_first(server: LoopbackServer) -> None:
    told: list[BatchProgress] = []
    async with Pynector(base_url=server.url) as client:
        with pytest.raises(HTTPStatusError):
            await client.batch_request(requests(20), 1, raise_on_error=True, on_progress=told.append)
    assert numbers(told[-1]) == (5, 1, 0, 20)


async def test_a_batch_that_is_cancelled_is_over(server: LoopbackServer) -> None:
    told: list[BatchProgress] = []
    async with Pynector(base_url=server.url) as client:
        with anyio.move_on_after(0.1):
            await client.batch_request(requests(5, "/hang"), on_progress=told.append)
    assert (told[-1].in_flight, told[-1].total) == (0, 5)


async def test_a_function_that_raises_harms_no_batch(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda unraisable: raised.append(unraisable.exc_value))
    async with Pynector(base_url=server.url) as client:
        answers = await client.batch_request(requests(4), on_progress=lambda progress: 1 / 0)
    assert answers == [b"1", b"2", b"3", b"4"]
    assert [type(error) for error in raised] == [ZeroDivisionError]


async def test_it_is_drawn_on_standard_error(server: LoopbackServer, capsys: pytest.CaptureFixture[str]) -> None:
    async with Pynector(base_url=server.url) as client:
        await client.batch_request(requests(20), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pynector: 20/20 (100%), ")


async def test_what_cannot_be_is_refused_before_anything_is_sent(server: LoopbackServer) -> None:
    server.reset()
    wrong: dict[str, Any]
    async with Pynector(base_url=server.url) as client:
        for wrong in ({"on_progress": anyio.sleep}, {"progress": "yes"}):
            with pytest.raises(ConfigurationError, match=next(iter(wrong))):
                await client.batch_request([], **wrong)
            with pytest.raises(ConfigurationError, match=next(iter(wrong))):
                client.batch_stream(requests(2), **wrong)
    assert server.stats().requests == 0


async def test_what_a_checkpoint_gives_back_is_done_and_in_no_rate(server: LoopbackServer, tmp_path: Path) -> None:
    told: list[BatchProgress] = []
    path = tmp_path / "job.db"
    async with Pynector(base_url=server.url) as client:
        await client.batch_request(requests(40, "/id/{}"), checkpoint=path)
        await client.batch_request(requests(50, "/id/{}"), checkpoint=path, on_progress=told.append)
    last = told[-1]
    assert last.done == 50
    assert round(last.rate * last.elapsed) == 10
