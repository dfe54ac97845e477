"""A batch whose requests do not all succeed."""

from typing import Any

import anyio

from pynector import Pynector, PynectorError
from pynector.testing import LoopbackServer


async def main() -> None:
    """Send 1,000 requests, 50 at a time; the server refuses every hundredth."""
    async with LoopbackServer() as server, Pynector(base_url=server.url) as client:
        requests: list[tuple[Any, dict[str, Any]]] = [
            ({"path": f"/id/{number}?fail=100"}, {}) for number in range(1000)
        ]
        results = await client.batch_request(requests, max_concurrency=50, timeout=60)
    failed = {number: result for number, result in enumerate(results) if isinstance(result, PynectorError)}
    for number, error in failed.items():
        print(f"{number:>4}: {error}")
    print(f"{len(results) - len(failed)} answers, {len(failed)} failures")


if __name__ == "__main__":
    anyio.run(main)
