"""Downloads many files to disk, with a bar: python examples/download.py [URL ...].

Without URLs, 200 files of a server on this machine. The disk sets the pace: what has not been written is held, and no
more than 16 files at a time are. A file that does not fit into memory is for `client.stream`: examples/stream.py.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio

from pynector import Pynector, RetryPolicy
from pynector.testing import LoopbackServer

FILES = 200


async def download(urls: Sequence[str], folder: Path) -> list[str]:
    """Write what each URL has into a file of a folder, by its number. Return what could not be had, and why."""
    failed = []
    async with (
        Pynector(timeout=60) as client,
        client.batch_stream(
            [({"url": url}, {}) for url in urls],
            max_concurrency=8,
            lookahead=8,
            retry=RetryPolicy(attempts=5),
            progress=True,
        ) as results,
    ):
        async for item in results:
            if item.ok:
                await anyio.Path(folder, f"{item.index:06}").write_bytes(item.result)
            else:
                failed.append(f"{urls[item.index]}: {item.error}")
    return failed


async def main(urls: list[str]) -> None:
    """Download, and say what there is."""
    with tempfile.TemporaryDirectory() as folder:
        failed = await download(urls, Path(folder))
        sizes = [(await file.stat()).st_size async for file in anyio.Path(folder).iterdir()]
    print(f"{len(sizes)} files, {sum(sizes):,} bytes")
    for line in failed:
        print(line)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        anyio.run(main, sys.argv[1:])
    else:
        with LoopbackServer() as server:
            anyio.run(main, [f"{server.url}/bytes/{100_000 + number}" for number in range(FILES)])
