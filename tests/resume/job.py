"""The job that is killed: python job.py PORT COUNT WINDOW FILE. It prints the number of each item that it is given."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from pynector import Pynector
from pynector.dispatch.checkpoint import Checkpoint
from pynector.dispatch.identities import digest_of
from pynector.eventloop import ClientContext, running_loop


def requests(count: int) -> Iterator[Any]:
    return (({"path": f"/items/{index}"}, {}) for index in range(count))


async def run(port: int, count: int, window: int, file: str) -> None:
    async with Pynector(base_url=f"http://127.0.0.1:{port}") as client:
        if "checkpoint" in inspect.signature(client.batch_stream).parameters:
            stream: Any = partial(client.batch_stream, checkpoint=file)
        else:
            stream = partial(own_stream, client, file)
        async with stream(requests(count), max_concurrency=window) as results:
            async for item in results:
                assert item.result == b"item %d" % item.index, item
                # At once, so that it counts as given out whatever comes.
                os.write(1, b"%d\n" % item.index)


# As long as streams know of no checkpoint


class Item:
    def __init__(self, index: int, result: Any) -> None:
        self.index, self.result = index, result


@asynccontextmanager
async def own_stream(
    client: Pynector, file: str, entries: Iterator[Any], max_concurrency: int
) -> AsyncIterator[AsyncIterator[Item]]:
    given: asyncio.Queue[Item | None] = asyncio.Queue()
    loop = running_loop(ClientContext())
    checkpoint = Checkpoint(file, True, loop.call_from_anywhere, partial(print, file=sys.stderr))
    await asyncio.to_thread(checkpoint.open)
    numbered = enumerate(entries)

    async def work() -> None:
        for index, (data, _) in numbered:
            digest, done = digest_of(b"GET", data["path"].encode()), asyncio.Event()
            row = checkpoint.find(index, None, digest)
            if row:
                checkpoint.fetch(row, lambda index, result: given.put_nowait(Item(index, result)), index)
                await asyncio.sleep(0)
            else:
                result = await client.request(data)
                checkpoint.keep(index, None, digest, result, done.set)
                await done.wait()
                given.put_nowait(Item(index, result))

    async def work_all() -> None:
        await asyncio.gather(*(work() for _ in range(max_concurrency)))
        await asyncio.to_thread(checkpoint.close)
        given.put_nowait(None)

    async def items() -> AsyncIterator[Item]:
        while (item := await given.get()) is not None:
            yield item

    task = asyncio.create_task(work_all())
    yield items()
    await task


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
