"""The job that is killed: python job.py PORT COUNT WINDOW FILE. It prints the number of each item that it is given."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from typing import Any

from pynector import Pynector


def requests(count: int) -> Iterator[Any]:
    return (({"path": f"/items/{index}"}, {}) for index in range(count))


async def run(port: int, count: int, window: int, file: str) -> None:
    async with (
        Pynector(base_url=f"http://127.0.0.1:{port}") as client,
        client.batch_stream(requests(count), max_concurrency=window, checkpoint=file) as results,
    ):
        async for item in results:
            assert item.result == b"item %d" % item.index, item
            # At once, so that it counts as given out whatever comes.
            os.write(1, b"%d\n" % item.index)


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
