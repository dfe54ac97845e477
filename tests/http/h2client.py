"""Clients that speak nothing but HTTP/2, in clear text, and what is seen of them."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from pynector import Pynector, PynectorError
from pynector.testing import LoopbackServer


def client(url: str, **options: Any) -> Pynector:
    """Return a client."""
    return Pynector(base_url=url, http2="only", http_engine="native", **{"ping_interval": None, **options})


async def failure(it: Pynector, path: str, **data: Any) -> Any:
    """Return what a request fails with."""
    with pytest.raises(PynectorError) as caught:
        await it.request({"path": path, **data})
    return caught.value


async def nothing_open(server: LoopbackServer) -> None:
    """Wait until the server has no stream, and no connection but that on which it is asked."""
    with anyio.fail_after(20):
        # Another process sets no Event.
        while (stats := server.stats()).open_streams or stats.in_flight or stats.open_connections > 1:  # noqa: ASYNC110
            await anyio.sleep(0.005)
