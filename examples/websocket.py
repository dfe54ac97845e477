"""Calls, notifications and news over one WebSocket connection, as JSON-RPC 2.0 has them."""

import asyncio
import json

from websockets.asyncio.server import ServerConnection, serve

from pynector import Pynector, RemoteError

ROUNDS = 3


async def prices(connection: ServerConnection) -> None:
    """A server: it knows prices, and tells them as they change to whoever asked for that."""
    async for text in connection:
        call = json.loads(text)
        if call["method"] == "watch":
            for price in range(ROUNDS):
                await connection.send(
                    json.dumps({"jsonrpc": "2.0", "method": "price", "params": [call["params"][0], price]})
                )
        elif call["method"] == "price":
            await connection.send(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": len(call["params"][0])}))
        else:
            error = {"code": -32601, "message": "Method not found"}
            await connection.send(json.dumps({"jsonrpc": "2.0", "id": call["id"], "error": error}))


async def main() -> None:
    """Ask for many prices at once, then listen."""
    async with serve(prices, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/"
        async with Pynector(transport_type="websocket", url=url, correlation="id", as_response=True) as client:
            names = ["tea", "coffee", "chocolate"] * 1000
            calls = [{"jsonrpc": "2.0", "method": "price", "params": [name]} for name in names]
            answers = await client.batch_request([(call, {}) for call in calls], max_concurrency=100)
            right = sum(answer.json()["result"] == len(name) for name, answer in zip(names, answers, strict=True))
            print(f"{right} of {len(names)} prices are right")

            async with client.subscribe() as news:
                # Nothing answers a notification; what it leads to are messages of the server's own.
                await client.request({"jsonrpc": "2.0", "method": "watch", "params": ["tea"]}, one_way=True)
                for _ in range(ROUNDS):
                    print("news:", (await news.__anext__()).json()["params"])

            try:
                await client.request({"jsonrpc": "2.0", "method": "buy", "params": ["tea"]})
            except RemoteError as error:
                print("refused:", error)


if __name__ == "__main__":
    asyncio.run(main())
