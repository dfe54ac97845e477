"""How each client reads an answer while it comes."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

from .peers import Client

Body = bytes | int
Take = Callable[[AsyncIterable[Any]], Awaitable[Body]]
Streamed = Callable[[], Awaitable[Body]]


async def kept(pieces: AsyncIterable[Any]) -> bytes:
    """Return the pieces of a body as one."""
    return b"".join([piece async for piece in pieces])


async def counted(pieces: AsyncIterable[Any]) -> int:
    """Return how many bytes a body has."""
    count = 0
    async for piece in pieces:
        count += len(piece)
    return count


def _pynector(client: Any, path: str, take: Take) -> Streamed:
    async def send() -> Body:
        async with client.client.stream({"path": path}) as response:
            return await take(response.iter_bytes())

    return send


def _wreq(client: Any, path: str, take: Take) -> Streamed:
    url, method = client.url + path, client.method["GET"]

    async def send() -> Body:
        response = await client.client.request(method, url)
        async with response.stream() as pieces:
            return await take(pieces)

    return send


async def _chunks(reader: Any) -> AsyncIterator[Any]:
    while (piece := await reader.read_chunk()) is not None:
        yield piece


def _pyreqwest(client: Any, path: str, take: Take) -> Streamed:
    url = client.url + path

    async def send() -> Body:
        async with client.client.request("GET", url).build_streamed() as response:
            return await take(_chunks(response.body_reader))

    return send


def _aiohttp(client: Any, path: str, take: Take) -> Streamed:
    url = client.url + path

    async def send() -> Body:
        async with client.session.request("GET", url) as response:
            return await take(response.content.iter_any())

    return send


def _httpx(client: Any, path: str, take: Take) -> Streamed:
    url = client.url + path

    async def send() -> Body:
        async with client.client.stream("GET", url) as response:
            return await take(response.aiter_bytes())

    return send


_WAYS: dict[str, Callable[[Any, str, Take], Streamed]] = {
    "pynector": _pynector,
    "wreq": _wreq,
    "pyreqwest": _pyreqwest,
    "aiohttp": _aiohttp,
    "httpx": _httpx,
    "httpx2": _httpx,
}


def can_stream(kind: type[Client]) -> bool:
    """Say whether it is known how a client reads an answer while it comes."""
    return kind.name in _WAYS


def streamed(client: Client, path: str, take: Take) -> Streamed:
    """Return a function that sends a GET and gives what `take` makes of its answer's pieces."""
    return _WAYS[client.name](client, path, take)
