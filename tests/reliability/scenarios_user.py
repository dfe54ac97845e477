"""What is done where a caller's own code is called: objects, iterators, functions, transports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stage import HTTP, OWN, WEBSOCKET, Stage, answers_object, scenario

from pynector import ConnectionLost, HTTPStatusError


@scenario(*OWN)
async def own_request(stage: Stage) -> tuple[Any, Any]:
    return await answers_object(stage)


@scenario(*OWN)
async def own_batch(stage: Stage) -> tuple[Any, Any]:
    texts = [f"{stage.mark}-{number}" for number in range(5)]
    answers = await stage.client.batch_request([(text, {}) for text in texts], max_concurrency=2)
    return [answer.decode() if isinstance(answer, bytes) else answer for answer in answers], texts


@scenario(*OWN)
async def own_retry(stage: Stage) -> tuple[Any, Any]:
    error = ConnectionLost("gone", phase="body", sent="full")
    try:
        return await stage.client.request_with_retry(error, max_retries=2, retry_delay=0.001), error
    except ConnectionLost as caught:
        return caught, error


# What requests are made of


class _Object(dict[str, Any]):
    """A dict that calls the caller's code when it is read."""

    def __init__(self, trip: Callable[[], object], **items: Any) -> None:
        super().__init__(items)
        self._trip = trip

    def items(self) -> Any:
        self._trip()
        return super().items()

    def keys(self) -> Any:
        self._trip()
        return super().keys()

    def __iter__(self) -> Iterator[str]:
        self._trip()
        return super().__iter__()

    def __getitem__(self, name: str) -> Any:
        self._trip()
        return super().__getitem__(name)


class _Text(str):
    """A str that calls the caller's code when it is read."""

    trip: Callable[[], object]

    def __str__(self) -> str:
        self.trip()
        return super().__str__()


def _text(stage: Stage) -> _Text:
    text = _Text(stage.mark)
    text.trip = stage.trip
    return text


@scenario(*HTTP)
async def odd_json(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": "/echo", "json": _Object(stage.trip, a=[stage.mark])}
    return json.loads(await stage.client.request(request)), {"a": [stage.mark]}


@scenario(*HTTP)
async def odd_json_refused(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": "/status/404", "json": _Object(stage.trip, a=[stage.mark])}
    try:
        return await stage.client.request(request), 404
    except HTTPStatusError as error:
        return error.status_code, 404


@scenario(*HTTP)
async def odd_request(stage: Stage) -> tuple[Any, Any]:
    return await stage.client.request(_Object(stage.trip, path=stage.path)), str(stage.mark).encode()


@scenario(*HTTP)
async def odd_options(stage: Stage) -> tuple[Any, Any]:
    options: dict[str, Any] = {
        "params": _Object(stage.trip, n=_text(stage)),
        "headers": _Object(stage.trip, a=_text(stage)),
    }
    answer = json.loads(await stage.client.request({"path": "/inspect"}, **options))
    return answer["query"], [["n", str(stage.mark)]]


@scenario(*HTTP)
async def odd_batch(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": "/echo", "json": _Object(stage.trip, a=stage.mark)}
    refused = {"method": "POST", "path": "/status/404", "json": _Object(stage.trip, a=stage.mark)}
    requests: list[Any] = [(request, {}), (refused, {}), (_Object(stage.trip, path=stage.path), {})]
    answers = await stage.client.batch_request(requests, max_concurrency=2)
    mark = str(stage.mark).encode()
    wanted = [b'{"a":%b}' % mark, 404, mark]
    return [getattr(answer, "status_code", None) or answer for answer in answers], wanted


@scenario(*HTTP)
async def odd_stream(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": "/echo", "json": _Object(stage.trip, a=stage.mark)}
    async with stage.client.stream(request) as response:
        return json.loads(await response.read()), {"a": stage.mark}


@scenario(*WEBSOCKET)
async def odd_message(stage: Stage) -> tuple[Any, Any]:
    return json.loads(await stage.client.request(_Object(stage.trip, a=stage.mark))), {"a": stage.mark}


# Functions


def _pushing(stage: Stage) -> Mapping[str, Any]:
    return {"url": f"{stage.servers.ws}/push?n=3", "on_message": lambda message: stage.trip(), "correlation": "id"}


async def _echoed(stage: Stage) -> tuple[Any, Any]:
    answer = await stage.client.request({"id": stage.mark})
    return json.loads(answer), {"id": stage.mark}


@scenario(*WEBSOCKET, options=_pushing, probe=_echoed)
async def on_message(stage: Stage) -> tuple[Any, Any]:
    return await _echoed(stage)


def _by_functions(stage: Stage) -> Mapping[str, Any]:
    def of_request(data: Any) -> Any:
        stage.trip()
        return data

    def of_message(message: Any) -> Any:
        stage.trip()
        return message.text

    # Of a message that its function fails for nobody knows whose it is: its request ends with its time.
    return {"correlation": (of_request, of_message), "timeout": 1.0}


@scenario(*WEBSOCKET, options=_by_functions, ends_late=True)
async def by_functions(stage: Stage) -> tuple[Any, Any]:
    texts = [f"{stage.mark} {number}" for number in range(3)]
    answers = await stage.client.batch_request([(text, {}) for text in texts], max_concurrency=2)
    return answers, [text.encode() for text in texts]
