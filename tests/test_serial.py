"""One exchange at a time over send and receive."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynector import Pynector, PynectorError, TransportError
from pynector.dispatch.serial import SerialExchange
from transports import Connectable, LineServer, LineTransport, MemoryTransport

pytestmark = pytest.mark.anyio


class Chunks(Connectable):
    """Answers with the chunks it was given; an exception among them is raised."""

    def __init__(self, *chunks: Any) -> None:
        super().__init__()
        self.chunks = chunks

    async def send(self, data: Any, **options: Any) -> None:
        if isinstance(data, BaseException):
            raise data

    async def receive(self) -> AsyncIterator[Any]:
        for chunk in self.chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk


class Iterating(Chunks):
    """Gives an iterator that is no generator and has no `aclose`."""

    def receive(self) -> Any:
        return _Iterator(iter(self.chunks))


class _Iterator:
    def __init__(self, chunks: Iterator[Any]) -> None:
        self.chunks = chunks

    def __aiter__(self) -> _Iterator:
        return self

    async def __anext__(self) -> Any:
        for chunk in self.chunks:
            return chunk
        raise StopAsyncIteration


@pytest.mark.parametrize("kind", [Chunks, Iterating])
async def test_joins_the_chunks(kind: type[Chunks]) -> None:
    assert await SerialExchange(kind(b"a", bytearray(b"b"), memoryview(b"c"))).exchange(None) == b"abc"  # type: ignore[arg-type]
    assert await SerialExchange(kind()).exchange(None) == b""  # type: ignore[arg-type]


@given(st.lists(st.binary()))
def test_joins_any_chunks(chunks: list[bytes]) -> None:
    exchange = SerialExchange(Chunks(*chunks)).exchange(None)  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as ended:
        exchange.send(None)
    assert ended.value.value == b"".join(chunks)


@pytest.mark.parametrize("chunk", [5, "text", None])
async def test_a_chunk_must_be_bytes(chunk: object) -> None:
    transport = Chunks(b"a", chunk)
    with pytest.raises(TransportError, match=f"must give bytes, not {type(chunk).__name__}") as caught:
        await SerialExchange(transport).exchange(None)  # type: ignore[arg-type]
    assert caught.value.phase == "body"


@pytest.mark.parametrize("failure", ["send", "receive", "chunk"])
async def test_connects_anew_after_a_failure_and_only_then(failure: str) -> None:
    transport = Chunks(b"a")
    exchange = SerialExchange(transport).exchange  # type: ignore[arg-type]
    await exchange(None)
    await exchange(None)
    assert (transport.disconnects, transport.connects) == (0, 0)
    transport.chunks = {"send": (b"a",), "receive": (b"a", EOFError()), "chunk": (7,)}[failure]
    with pytest.raises((OSError, EOFError, TransportError)):
        await exchange(OSError() if failure == "send" else None)
    assert (transport.disconnects, transport.connects) == (0, 0)
    transport.chunks = (b"b",)
    assert await exchange(None) == b"b"
    assert await exchange(None) == b"b"
    assert (transport.disconnects, transport.connects) == (1, 1)


async def test_goes_on_trying_to_connect() -> None:
    transport = Chunks(b"a")
    transport.refuse = [OSError("no"), OSError("no")]
    exchange = SerialExchange(transport).exchange  # type: ignore[arg-type]
    for data in (OSError("lost"), None, None):
        with pytest.raises(OSError, match="lost" if data else "no"):
            await exchange(data)
    assert await exchange(None) == b"a"
    assert transport.connects == 3


@pytest.fixture
def lines() -> Iterator[LineServer]:
    """A server in a thread."""
    with LineServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("how", ["timeout", "cancel", "batch timeout", "entry timeout"])
async def test_a_late_answer_is_never_given_to_the_next_request(lines: LineServer, how: str) -> None:
    transport = LineTransport(lines.port)
    client = Pynector(transport)
    assert await client.request("first") == b"first\n"
    if how == "timeout":
        with pytest.raises(TimeoutError):
            await client.request("hold", timeout=0.3)
    elif how == "cancel":
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.request, "hold")
            await anyio.to_thread.run_sync(lines.held.wait, 30)
            tasks.cancel_scope.cancel()
    elif how == "batch timeout":
        (result,) = await client.batch_request([("hold", {})], timeout=0.3)
        assert isinstance(result, TimeoutError)
    else:
        (result,) = await client.batch_request([("hold", {"timeout": 0.3})])
        assert isinstance(result, TimeoutError)
    lines.release.set()
    results = await client.batch_request([(n, {}) for n in range(20)])
    assert results == [b"%d\n" % n for n in range(20)]
    assert transport.connects == 2
    await transport.disconnect()


async def test_closing_leaves_no_answer_behind_for_the_next_request() -> None:
    # The transport was passed in, so it stays connected, with an answer on its way.
    transport = MemoryTransport()
    transport.stuck = {"a"}
    client = Pynector(transport)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_refused, client, "a")
        await transport.waiting.wait()
        await client.aclose()
        transport.release.set()
        assert await client.request("b") == b"b"
    assert transport.overlaps == 0
    assert transport.connects == 2
    assert transport.disconnects == 1


async def _refused(client: Pynector, data: Any) -> None:
    with pytest.raises(TransportError, match="closed"):
        await client.request(data)


async def test_requests_and_batches_never_overlap() -> None:
    transport = MemoryTransport(seed=5)
    client = Pynector(transport)
    answers: dict[Any, Any] = {}

    async def single(n: int) -> None:
        answers[f"single {n}"] = await client.request(f"single {n}")

    async def batch(n: int) -> None:
        names = [f"batch {n}.{k}" for k in range(50)]
        results = await client.batch_request([(name, {}) for name in names], max_concurrency=10)
        answers.update(zip(names, results, strict=True))

    async with anyio.create_task_group() as tasks:
        for n in range(20):
            tasks.start_soon(single, n)
            tasks.start_soon(batch, n)
    assert transport.overlaps == 0
    assert len(answers) == 20 * 51
    assert all(answer == name.encode() for name, answer in answers.items())


async def test_a_peer_that_hangs_up_is_a_transport_error(lines: LineServer) -> None:
    transport = LineTransport(lines.port)
    client = Pynector(transport)
    results = await client.batch_request([("a", {}), ("bye", {}), ("b", {})])
    assert results[::2] == [b"a\n", b"b\n"]
    assert isinstance(results[1], TransportError)
    assert isinstance(results[1].__cause__, anyio.EndOfStream)
    await transport.disconnect()


async def test_a_receive_that_gives_no_iterator_is_an_error_of_its_own() -> None:
    transport = Chunks()
    transport.receive = lambda: [b"a"]  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(PynectorError, match="TypeError"):
        await Pynector(transport).request("x")
