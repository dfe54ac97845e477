"""What type checkers are to refuse: each line with the word below. It is never run."""

from __future__ import annotations

from typing import Any

import pynector.blocking
from pynector import Pynector, Response

Pynector(max_conections=5)  # wrong
Pynector(timeout="3")  # wrong
Pynector(base_url=5)  # wrong
Pynector(http2="always")  # wrong
pynector.blocking.Pynector(max_conections=5)  # wrong


async def requests(client: Pynector[bytes], other: Pynector[Response], own: list[Any]) -> None:
    await client.request({"path": "/"}, timeout="3")  # wrong
    await client.request({"path": "/"}, folow_redirects=True)  # wrong
    await client.request(None, path=b"/")  # wrong
    await client.get("/", parms={})  # wrong
    await client.get("/", method="PUT")  # wrong
    await client.batch_request(own, max_concurency=5)  # wrong
    await client.batch_request(own, retry=3)  # wrong
    await client.batch_request(3)  # wrong
    client.batch_stream(own, ordred=True)  # wrong
    (await client.request({"path": "/"})).json()  # wrong
    (await other.request({"path": "/"})).decode()  # wrong
    client = other  # wrong


def blocking(client: pynector.blocking.Pynector[bytes], own: list[Any]) -> None:
    client.get("/", parms={})  # wrong
    client.get("/").json()  # wrong
    client.batch_request(own, max_concurency=5)  # wrong
