"""What is done over HTTP."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import anyio
import anyio.lowlevel
from stage import HTTP, Stage, answers_path, over_tls, scenario

from pynector import HTTPStatusError, PynectorError
from pynector.testing.compression import compressed_body

# So many bytes come in several pieces.
LONG = 200_000

# So much is decoded in another thread.
MUCH = 8_000_000


def _over_tls(stage: Stage) -> Mapping[str, Any]:
    return {"base_url": stage.servers.https, **over_tls(stage)}


@scenario(*HTTP)
async def new_connection(stage: Stage) -> tuple[Any, Any]:
    return await answers_path(stage)


@scenario(*HTTP, before=answers_path)
async def kept_connection(stage: Stage) -> tuple[Any, Any]:
    answer = await stage.client.request({"method": "POST", "path": "/echo", "json": [stage.mark]})
    return json.loads(answer), [stage.mark]


@scenario(*HTTP, options=_over_tls)
async def tls(stage: Stage) -> tuple[Any, Any]:
    return await answers_path(stage)


@scenario(*HTTP, options=lambda stage: {"base_url": stage.servers.http.replace("127.0.0.1", "localhost")})
async def by_name(stage: Stage) -> tuple[Any, Any]:
    return await answers_path(stage)


@scenario(*HTTP)
async def long_body(stage: Stage) -> tuple[Any, Any]:
    return len(await stage.client.request({"path": f"/bytes/{LONG}"})), LONG


@cache
def _plain(size: int) -> bytes:
    return gzip.decompress(compressed_body("gzip", size))


@scenario(*HTTP)
async def compressed(stage: Stage) -> tuple[Any, Any]:
    answer = await stage.client.request({"path": "/compressed/gzip?size=20000"})
    return answer, _plain(20_000)


@scenario(*HTTP)
async def compressed_that_takes_long(stage: Stage) -> tuple[Any, Any]:
    answer = await stage.client.request({"path": f"/compressed/gzip?size={MUCH}"})
    return answer == _plain(MUCH), True


@scenario(*HTTP)
async def as_response(stage: Stage) -> tuple[Any, Any]:
    response = await stage.client.request({"path": stage.path}, as_response=True)
    return [response.status_code, response.content], [200, str(stage.mark).encode()]


async def _batch(stage: Stage, count: int, window: int) -> tuple[Any, Any]:
    numbers = [stage.mark * count + number for number in range(count)]
    requests: list[tuple[Any, dict[str, Any]]] = [({"path": f"/id/{number}"}, {}) for number in numbers]
    answers = await stage.client.batch_request(requests, max_concurrency=window)
    return answers, [str(number).encode() for number in numbers]


@scenario(*HTTP)
async def batch(stage: Stage) -> tuple[Any, Any]:
    return await _batch(stage, 5, 2)


@scenario(*HTTP, options=lambda stage: {"max_connections": 1})
async def batch_on_one_connection(stage: Stage) -> tuple[Any, Any]:
    return await _batch(stage, 4, 3)


@scenario(*HTTP)
async def batch_that_fails(stage: Stage) -> tuple[Any, Any]:
    requests: list[tuple[Any, dict[str, Any]]] = [
        ({"path": path}, {}) for path in (stage.path, "/status/404", "/id/1", "/id/2")
    ]
    try:
        return await stage.client.batch_request(requests, max_concurrency=2, raise_on_error=True), "an error"
    except Exception as error:
        if getattr(error, "status_code", 0) != 404:
            raise
        return 404, 404


@scenario(*HTTP, late=(HTTPStatusError,))
async def retry(stage: Stage) -> tuple[Any, Any]:
    request = {"path": f"/flaky?key={stage.mark}&failures=1&status=503"}
    answer = await stage.client.request_with_retry(request, retry_delay=0.001)
    # One that was disturbed may have been sent, and be sent again.
    return answer in (b"2", b"3"), True


@scenario(*HTTP)
async def redirect_307(stage: Stage) -> tuple[Any, Any]:
    body = str(stage.mark)
    request = {"method": "POST", "path": "/redirect/1?status=307&to=/echo", "content": body}
    return await stage.client.request(request), body.encode()


@scenario(*HTTP)
async def redirect_303(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": f"/redirect/1?status=303&to={stage.path}", "json": {"a": 1}}
    return await stage.client.request(request), str(stage.mark).encode()


# Bodies in pieces


@scenario(*HTTP)
async def stream_read(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": f"/bytes/{LONG}?chunked=1"}) as response:
        return len(await response.read()), LONG


@scenario(*HTTP, options=_over_tls)
async def stream_half(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": f"/bytes/{LONG * 10}"}) as response:
        async for piece in response.iter_bytes(1000):
            return len(piece), 1000
    return 0, 1000


@scenario(*HTTP, before=answers_path)
async def stream_left(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": f"/bytes/{LONG}"}) as response:
        return response.status_code, 200


@scenario(*HTTP)
async def stream_compressed(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": "/compressed/gzip?size=20000"}) as response:
        return await response.read(), _plain(20_000)


@scenario(*HTTP)
async def stream_compressed_that_takes_long(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": f"/compressed/gzip?size={MUCH}"}) as response:
        return await response.read() == _plain(MUCH), True


@scenario(*HTTP)
async def stream_redirected(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": f"/redirect/1?to={stage.path}"}) as response:
        return await response.read(), str(stage.mark).encode()


@scenario(*HTTP)
async def stream_refused(stage: Stage) -> tuple[Any, Any]:
    try:
        async with stage.client.stream({"path": "/status/404"}):
            return "an answer", 404
    except Exception as error:
        if getattr(error, "status_code", 0) != 404:
            raise
        return 404, 404


async def _pieces(stage: Stage, count: int = 3) -> AsyncIterator[bytes]:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()
        stage.trip()
        yield str(stage.mark).encode()


def _whole(stage: Stage, count: int = 3) -> bytes:
    return str(stage.mark).encode() * count


@scenario(*HTTP)
async def upload_chunked(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": "/echo", "content": _pieces(stage)}
    return await stage.client.request(request), _whole(stage)


@scenario(*HTTP, before=answers_path)
async def upload_of_known_length(stage: Stage) -> tuple[Any, Any]:
    headers = {"Content-Length": str(len(_whole(stage)))}
    request = {"method": "POST", "path": "/echo", "content": _pieces(stage), "headers": headers}
    return await stage.client.request(request), _whole(stage)


@scenario(*HTTP)
async def upload_redirected(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": f"/redirect/1?status=303&to={stage.path}", "content": _pieces(stage)}
    return await stage.client.request(request), str(stage.mark).encode()


# Life


@scenario(*HTTP)
async def as_context(stage: Stage) -> tuple[Any, Any]:
    async with stage.client as client:
        return await client.request({"path": stage.path}), str(stage.mark).encode()


@scenario(*HTTP, before=answers_path, closes=True)
async def close(stage: Stage) -> tuple[Any, Any]:
    await stage.client.aclose()
    return None, None


async def _ends(work: Callable[[], Awaitable[Any]]) -> None:
    """Run what is ended by closing the client, or by whatever disturbs it before."""
    try:
        await work()
    except PynectorError:
        return


async def close_while(stage: Stage, *works: Callable[[], Awaitable[Any]]) -> tuple[Any, Any]:
    async with anyio.create_task_group() as tasks:
        for work in works:
            tasks.start_soon(_ends, work)
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        await stage.client.aclose()
    return None, None


@scenario(*HTTP, before=answers_path, closes=True)
async def close_while_busy(stage: Stage) -> tuple[Any, Any]:
    async def stream() -> None:
        async with stage.client.stream({"path": f"/bytes/{LONG * 10}"}) as response:
            async for _ in response.iter_bytes():
                await anyio.lowlevel.checkpoint()

    async def batch() -> None:
        await stage.client.batch_request(
            [({"path": "/hang"}, {}) for _ in range(3)], max_concurrency=2, raise_on_error=True
        )

    return await close_while(stage, stream, batch, lambda: stage.client.request({"path": "/hang"}))
