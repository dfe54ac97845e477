"""A job that is killed, and goes on where it was: python examples/resume.py.

`python examples/resume.py URL FILE` is the job alone. Without arguments this program starts it against a server on this
machine, kills it, and starts it again.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import anyio

from pynector import Pynector
from pynector.testing import LoopbackServer

REQUESTS = 500
WINDOW = 20


async def job(url: str, file: str) -> None:
    """Print what each request was answered with. An answer is in the file before it is printed."""
    requests = [({"path": f"/id/{number}?delay=0.02"}, {"key": number}) for number in range(REQUESTS)]
    async with (
        Pynector(base_url=url) as client,
        client.batch_stream(requests, max_concurrency=WINDOW, checkpoint=file, progress=True) as results,
    ):
        async for item in results:
            print(item.key, item.result.decode(), flush=True)


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Start this program as the job."""
    return subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)


def main() -> None:
    """Kill the job after 100 lines, run it again, and count."""
    with tempfile.TemporaryDirectory() as folder, LoopbackServer() as server:
        arguments = (server.url, str(Path(folder, "answers.db")))
        with start(*arguments) as first:
            assert first.stdout is not None
            before = {first.stdout.readline() for _ in range(100)}
            first.kill()
        with start(*arguments) as second:
            assert second.stdout is not None
            after = second.stdout.readlines()
        seen = server.stats().requests
    print(f"killed after {len(before)} answers; then all {len(set(after))}, each once: {len(after) == REQUESTS}")
    print(f"what was answered stays: {before <= set(after)}")
    # What was in flight, and what was answered and not yet in the file: no more of either than the window.
    print(f"sent twice, no more than was under way: {seen - REQUESTS <= 2 * WINDOW}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        anyio.run(job, sys.argv[1], sys.argv[2])
    else:
        main()
