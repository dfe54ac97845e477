"""The examples of the specification's section 9, with another base_url only."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import ScriptedServer, answer

from pynector import Pynector, configure_telemetry
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio


async def test_9_1_simple_request(server: LoopbackServer, capsys: pytest.CaptureFixture[str]) -> None:
    # Create a client
    async with Pynector(transport_type="http", base_url=f"{server.url}/echo") as client:
        # Make a request
        result = await client.request({"query": "data"})
        print(result)
    assert capsys.readouterr().out == """b'{"query":"data"}'\n"""


async def test_9_2_batch_request(server: LoopbackServer, capsys: pytest.CaptureFixture[str]) -> None:
    # Create a client
    async with Pynector(transport_type="http", base_url=f"{server.url}/inspect") as client:
        # Prepare multiple requests
        requests: list[tuple[Any, dict[str, Any]]] = [
            ({"query": "data1"}, {}),
            ({"query": "data2"}, {"timeout": 5.0}),
            ({"query": "data3"}, {"headers": {"X-Custom": "value"}}),
        ]

        # Send batch request
        results = await client.batch_request(requests, max_concurrency=10, timeout=30.0)

        # Process results
        for i, result in enumerate(results):
            if isinstance(result, Exception):
                print(f"Request {i} failed: {result}")
            else:
                print(f"Request {i} succeeded: {result}")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"Request {i} succeeded" for i in range(3)]
    assert ["data1" in lines[0], "data2" in lines[1], "data3" in lines[2]] == [True] * 3
    assert ["X-Custom" in line for line in lines] == [False, False, True]


async def test_9_2_tells_failures_from_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer([answer(b"fine"), answer(b"", "503 Service Unavailable"), answer(b"fine")]) as server:
        async with Pynector(transport_type="http", base_url=server.url) as client:
            results = await client.batch_request([({"query": n}, {}) for n in range(3)], max_concurrency=1)
            for i, result in enumerate(results):
                if isinstance(result, Exception):
                    print(f"Request {i} failed: {result}")
                else:
                    print(f"Request {i} succeeded: {result}")
    assert capsys.readouterr().out.splitlines() == [
        "Request 0 succeeded: b'fine'",
        f"Request 1 failed: the server answered 503 Service Unavailable [POST {server.url}/]",
        "Request 2 succeeded: b'fine'",
    ]


async def test_9_3_with_optional_features(
    server: LoopbackServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it sets up lasts for the process: the example runs where it can set up nothing.
    monkeypatch.setattr("pynector.telemetry.setup._installed", lambda module: False)
    # Configure telemetry
    configure_telemetry(service_name="my-service", resource_attributes={"deployment.environment": "production"})

    # Create a client with telemetry enabled
    async with Pynector(transport_type="http", base_url=f"{server.url}/echo", enable_telemetry=True) as client:
        # Make a request (will be traced and logged)
        result = await client.request({"query": "data"})
        print(result)
    assert capsys.readouterr().out == """b'{"query":"data"}'\n"""


EXAMPLE = """
import asyncio, logging, sys

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(message)s")

from pynector import Pynector, configure_telemetry

async def main():
    configure_telemetry(
        service_name="my-service",
        resource_attributes={"deployment.environment": "production"}
    )
    async with Pynector(
        transport_type="http",
        base_url=sys.argv[1],
        enable_telemetry=True
    ) as client:
        result = await client.request({"query": "data"})
        print(result)

asyncio.run(main())
"""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_9_3_as_a_program_is_logged_and_prints_the_answer(server: LoopbackServer) -> None:
    import sys

    import anyio

    done = await anyio.run_process([sys.executable, "-W", "error", "-c", EXAMPLE, f"{server.url}/echo"])
    lines = done.stdout.decode().splitlines()
    assert lines[-1] == """b'{"query":"data"}'"""
    assert any("request.start" in line for line in lines)
    assert any("request.complete" in line for line in lines)
    assert not any("query" in line for line in lines[:-1])
