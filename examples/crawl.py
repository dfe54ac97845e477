"""Fetches pages of many origins, a few of each at a time: one that hangs does not hold the others up.

python examples/crawl.py [URL ...]: without URLs, pages of four servers on this machine, one of which never answers.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from urllib.parse import urlsplit

import anyio

from pynector import Pynector
from pynector.testing import LoopbackServer

PAGES = 16


async def crawl(urls: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Return how many pages of each origin were fetched, and how many failed."""
    fetched: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    requests = (({"url": url}, {"timeout": 0.5, "key": urlsplit(url).netloc}) for url in urls)
    async with (
        Pynector() as client,
        # What waits for its origin has no place among the 50, and there may be 500 of those.
        client.batch_stream(
            requests, max_concurrency=50, max_concurrency_per_origin=4, lookahead=500, progress=True
        ) as results,
    ):
        async for item in results:
            (fetched if item.ok else failed)[item.key] += 1
    return fetched, failed


async def main(urls: list[str]) -> None:
    """Crawl, and say what became of it."""
    started = time.perf_counter()
    fetched, failed = await crawl(urls)
    for origin in sorted({*fetched, *failed}):
        print(f"{origin:<20} {fetched[origin]:>5} fetched {failed[origin]:>5} failed")
    print(f"{len(urls)} pages in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        anyio.run(main, sys.argv[1:])
    else:
        with ExitStack() as stack:
            servers = [stack.enter_context(LoopbackServer()) for _ in range(4)]
            hanging, *answering = [server.url for server in servers]
            # In turn, as links come.
            every = [
                url
                for page in range(PAGES)
                for url in (f"{hanging}/hang?{page}", *(f"{origin}/id/{page}?delay=0.02" for origin in answering))
            ]
            anyio.run(main, every)
