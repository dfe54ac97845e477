"""What is done over WebSocket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scenarios_http import close_while
from stage import WEBSOCKET, Stage, answers_call, answers_message, over_tls, scenario


@scenario(*WEBSOCKET)
async def message(stage: Stage) -> tuple[Any, Any]:
    return await answers_message(stage)


@scenario(*WEBSOCKET, before=answers_message)
async def message_on_a_kept_connection(stage: Stage) -> tuple[Any, Any]:
    return await answers_message(stage)


def _messages_over_tls(stage: Stage) -> Mapping[str, Any]:
    return {"url": f"{stage.servers.wss}/echo", **over_tls(stage)}


@scenario(*WEBSOCKET, options=_messages_over_tls)
async def message_over_tls(stage: Stage) -> tuple[Any, Any]:
    return await answers_message(stage)


def _calls(stage: Stage) -> Mapping[str, Any]:
    return {"url": f"{stage.servers.ws}/rpc", "correlation": "id"}


@scenario(*WEBSOCKET, options=_calls, probe=answers_call)
async def call_by_id(stage: Stage) -> tuple[Any, Any]:
    return await answers_call(stage)


@scenario(*WEBSOCKET, options=lambda stage: {"connections": 2, "max_in_flight": 1})
async def messages(stage: Stage) -> tuple[Any, Any]:
    texts = [f"{stage.mark} {number}" for number in range(6)]
    answers = await stage.client.batch_request([(text, {}) for text in texts], max_concurrency=4)
    return answers, [text.encode() for text in texts]


@scenario(*WEBSOCKET, options=_calls, probe=answers_call)
async def subscription(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.subscribe() as news:
        await stage.client.request({"jsonrpc": "2.0", "method": "notify", "params": [2]})
        return [json.loads((await anext(news)).content)["params"] for _ in range(2)], [[0], [1]]


def _closing(stage: Stage) -> Mapping[str, Any]:
    url = f"{stage.servers.ws}/close-after?after=1&code=1001"
    return {"url": url, "idempotent": True, "max_reconnects": 5}


@scenario(*WEBSOCKET, options=_closing, before=answers_message)
async def reconnect(stage: Stage) -> tuple[Any, Any]:
    return await answers_message(stage)


@scenario(*WEBSOCKET, before=answers_message, closes=True)
async def close_websocket(stage: Stage) -> tuple[Any, Any]:
    await stage.client.aclose()
    return None, None


@scenario(*WEBSOCKET, options=_calls, probe=answers_call, closes=True)
async def close_websocket_while_busy(stage: Stage) -> tuple[Any, Any]:
    async def listen() -> None:
        async with stage.client.subscribe() as news:
            async for _ in news:
                pass

    return await close_while(stage, listen, lambda: stage.client.request({"method": "hang"}))
