"""A WebSocket server for the tests, in a process of its own: python server.py PORT KIND [CHAIN KEY].

KIND is websockets or aiohttp; with the files of a certificate and its key it is over TLS. It prints its port.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

SEEN: dict[str, set[int]] = {}
CODES: dict[str, asyncio.Future[Any]] = {}


def code_of(case: str) -> asyncio.Future[Any]:
    """Give the code that a case of /raw was, or will be, closed with."""
    return CODES.setdefault(case, asyncio.get_running_loop().create_future())


async def serve_websockets(port: int) -> None:
    from websockets.asyncio.server import ServerConnection, serve

    # That clients break off is what the tests are about.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        parts = urlsplit(connection.request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        await ENDPOINTS[parts.path](connection, query)

    def choose(connection: ServerConnection, offered: Sequence[Any]) -> Any:
        return "second" if "second" in offered else None

    context = None
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[3:])
    options: dict[str, Any] = {"ssl": context, "max_size": None, "ping_interval": None, "select_subprotocol": choose}
    async with serve(handle, "127.0.0.1", port, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


async def echo(connection: Any, query: dict[str, str]) -> None:
    async for message in connection:
        await connection.send(message)


async def close_after(connection: Any, query: dict[str, str]) -> None:
    for _ in range(int(query["after"])):
        await connection.send(await connection.recv())
    await connection.recv()
    await connection.close(int(query["code"]), "said so")


async def abort_after(connection: Any, query: dict[str, str]) -> None:
    for _ in range(int(query["after"])):
        await connection.send(await connection.recv())
    await connection.recv()
    connection.transport.abort()


async def fragments(connection: Any, query: dict[str, str]) -> None:
    async for message in connection:
        third = len(message) // 3
        await connection.ping()
        await connection.send([message[:third], message[third : 2 * third], message[2 * third :]])


async def silent(connection: Any, query: dict[str, str]) -> None:
    async for _ in connection:
        pass


async def late_first(connection: Any, query: dict[str, str]) -> None:
    """The first answer of a connection comes late, the others at once after it."""
    message = await connection.recv()
    await asyncio.sleep(1)
    await connection.send(message)
    await echo(connection, query)


async def backwards(connection: Any, query: dict[str, str]) -> None:
    """Answers come in groups, the last first."""
    group = []
    async for message in connection:
        group.append(message)
        if len(group) == int(query["group"]):
            for held in reversed(group):
                await connection.send(held)
            group = []


async def rpc(connection: Any, query: dict[str, str]) -> None:
    """JSON-RPC 2.0: add, fail, notify (which pushes), hang, unknown (an id of nobody's). A notification comes back."""
    async for text in connection:
        call = json.loads(text)
        if "id" not in call:
            await connection.send(text)
            continue
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": call["id"]}
        if call["method"] == "add":
            answer["result"] = sum(call["params"])
        elif call["method"] == "notify":
            for number in range(call["params"][0]):
                await connection.send(json.dumps({"jsonrpc": "2.0", "method": "news", "params": [number]}))
            answer["result"] = "notified"
        elif call["method"] == "hang":
            continue
        elif call["method"] == "unknown":
            await connection.send(json.dumps({**answer, "id": "nobody's", "result": 0}))
            answer["result"] = "told"
        else:
            answer["error"] = {"code": -32601, "message": "Method not found", "data": call["method"]}
        await connection.send(json.dumps(answer))


async def raw(connection: Any, query: dict[str, str]) -> None:
    """Write the bytes that the first message has in hexadecimal, and take note of the code it is closed with."""
    connection.transport.write(bytes.fromhex(await connection.recv()))
    try:
        async for _ in connection:
            pass
    except Exception:
        # What was written may have ended the connection's own idea of it.
        pass
    if "case" in query:
        code_of(query["case"]).set_result(connection.protocol.close_code)


async def last_code(connection: Any, query: dict[str, str]) -> None:
    """Tell the code that a case of /raw was closed with."""
    async for case in connection:
        await connection.send(str(await code_of(case)))


async def push(connection: Any, query: dict[str, str]) -> None:
    for number in range(int(query["n"])):
        await connection.send(f"news {number}")
    await echo(connection, query)


async def headers(connection: Any, query: dict[str, str]) -> None:
    async for _ in connection:
        await connection.send(json.dumps(dict(connection.request.headers.raw_items())))


async def deaf(connection: Any, query: dict[str, str]) -> None:
    """Reads nothing until it has waited."""
    connection.transport.pause_reading()
    await asyncio.sleep(0.5)
    connection.transport.resume_reading()
    await echo(connection, query)


async def unruly(connection: Any, query: dict[str, str]) -> None:
    """Answer numbers; to every 50th, the first time it comes, end the connection, and to others say nothing."""
    seen = SEEN.setdefault(query["run"], set())
    async for message in connection:
        number = json.loads(message)["n"] if message.startswith("{") else int(message)
        if number % 50 == 7 and number not in seen:
            seen.add(number)
            if number % 100 == 7:
                connection.transport.abort()
            else:
                await connection.close(1011, "unruly")
            return
        if number % 50 == 8 and message.startswith("{"):
            continue
        half = len(message) // 2
        await connection.send([message[:half], message[half:]] if number % 9 == 0 else message)


ENDPOINTS: dict[str, Any] = {
    f"/{function.__name__.replace('_', '-')}": function
    for function in (
        echo, close_after, abort_after, fragments, silent, late_first, backwards, rpc, raw, last_code, push, headers,
        deaf, unruly,
    )
}  # fmt: skip


async def serve_aiohttp(port: int) -> None:
    from aiohttp import WSMsgType, web

    async def handle(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(compress=False, max_msg_size=0)
        await connection.prepare(request)
        async for message in connection:
            if message.type is WSMsgType.TEXT:
                await connection.send_str(message.data)
            else:
                await connection.send_bytes(message.data)
        return connection

    app = web.Application()
    app.router.add_get("/echo", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run({"websockets": serve_websockets, "aiohttp": serve_aiohttp}[sys.argv[2]](int(sys.argv[1])))
