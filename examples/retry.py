"""A request that is sent again, and an error that says whether sending again is safe."""

import anyio

from pynector import Pynector, TransportError
from pynector.testing import LoopbackServer


async def main() -> None:
    """Ask an endpoint that fails twice and then answers; then one that hangs up."""
    async with LoopbackServer() as server, Pynector(base_url=server.url, as_response=True) as client:
        response = await client.request_with_retry(
            {"path": "/flaky", "params": {"key": "example", "failures": 2}}, max_retries=5, retry_delay=0.1
        )
        print(f"status {response.status_code} after {response.attempts} attempts")
        try:
            await client.request({"method": "POST", "path": "/close", "json": {"amount": 5}})
        except TransportError as error:
            executed = "cannot" if error.sent == "none" else "can"
            print(f"{type(error).__name__}: the server {executed} have executed it (sent={error.sent})")


if __name__ == "__main__":
    anyio.run(main)
