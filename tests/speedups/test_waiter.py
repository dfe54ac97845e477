"""The completion of a single request."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from pynector._speedups.waiter import Answer
from pynector.eventloop import Runtime


@pytest.mark.anyio
async def test_wakes_whoever_waits() -> None:
    answer = Answer(Runtime.current().new_future())

    async def wait() -> None:
        await answer.future

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.lowlevel.checkpoint()
        assert not answer.ended
        answer.succeed(0, b"1")
    assert answer.ended
    assert (answer.response, answer.error) == (b"1", None)


@pytest.mark.anyio
async def test_the_first_end_stands() -> None:
    failed = Answer(Runtime.current().new_future())
    error = ValueError()
    failed.fail(0, error)
    failed.succeed(0, b"late")
    failed.fail(0, KeyError())
    assert failed.error is error
    assert failed.response is None
    succeeded = Answer(Runtime.current().new_future())
    succeeded.succeed(0, b"1")
    succeeded.fail(0, error)
    assert (succeeded.response, succeeded.error) == (b"1", None)


def test_an_answer_after_its_waiter_was_cancelled_is_kept_and_harms_nobody() -> None:
    async def main() -> Answer:
        answer = Answer(asyncio.get_running_loop().create_future())
        answer.future.cancel()
        answer.succeed(0, b"late")
        return answer

    assert asyncio.run(main()).response == b"late"
