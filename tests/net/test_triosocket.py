"""Transports on trio, by a selector of their own and without."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pynector.callbacks import Loop, running_loop
from pynector.eventloop import ClientContext

trio = pytest.importorskip("trio")

from pynector.transport.net import readiness  # noqa: E402
from pynector.transport.net.triosocket import HIGH, TrioTransport  # noqa: E402

MUCH = HIGH * 64

# What the system may hold of it on either side (bytes).
LITTLE = 1 << 16


class Told(asyncio.Protocol):
    """Takes note of what it is called for, and whether that was within another call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.data = b""
        self.error: Exception | None = None
        self.transport: Any = None
        self.inside = False
        self.ended = trio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.take()

    def take(self) -> None:
        """What to do with what has come."""

    def eof_received(self) -> None:
        self.calls.append("eof")

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        assert not self.inside
        self.calls.append("lost")
        self.error = exc
        self.ended.set()


class Buffered(Told, asyncio.BufferedProtocol):
    """One that reads into a buffer of its own."""

    buffer = bytearray(5)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self.buffer[:nbytes]))


@pytest.fixture(params=["selector", "tasks"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Runs a test of a transport's end and its peer, after which nothing is left."""
    if request.param == "tasks":
        monkeypatch.setattr(readiness, "Polled", readiness.Awaited)

    def run_it(test: Callable[[Loop, socket.socket, socket.socket], Awaitable[None]]) -> None:
        async def main() -> None:
            before = trio.lowlevel.current_statistics().tasks_living
            ours, theirs = pair()
            with trio.fail_after(20):
                await test(running_loop(ClientContext()), ours, theirs)
                theirs.close()
                while trio.lowlevel.current_statistics().tasks_living > before:
                    await trio.sleep(0.001)
            assert ours.fileno() < 0

        trio.run(main)
        gc.collect()

    return run_it


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two ends of a TCP connection that do not block, and hold little on any machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
        one = socket.create_connection(listener.getsockname())
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LITTLE)
        other, _ = listener.accept()
    one.setblocking(False)
    other.setblocking(False)
    return one, other


async def received(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        await trio.lowlevel.wait_readable(sock)
        piece = sock.recv(min(size - len(data), 1 << 18))
        if not piece:
            break
        data += piece
    return bytes(data)


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await trio.sleep(0.001)


@pytest.mark.parametrize("kind", [Told, Buffered])
def test_what_comes_and_the_end(run: Any, kind: type[Told]) -> None:
    async def test(loop: Loop, ours: socket.socket, theirs: socket.socket) -> None:
        protocol = kind()
        transport = TrioTransport(loop, ours, protocol)
        assert transport.get_extra_info("peername") == theirs.getsockname()
        assert transport.get_extra_info("socket") is ours
        transport.writelines([b"one", b"", memoryview(b"two")])
        assert await received(theirs, 6) == b"onetwo"
        theirs.send(b"as much as this")
        await until(lambda: len(protocol.data) == 15)
        assert transport.is_reading()
        theirs.close()
        await protocol.ended.wait()
        assert (protocol.data, protocol.calls, protocol.error) == (b"as much as this", ["eof", "lost"], None)
        transport.write(b"nobody")
        transport.close()
        transport.abort()
        await trio.sleep(0.01)
        assert protocol.calls == ["eof", "lost"]

    run(test)


def test_what_is_written_waits_for_its_reader_and_a_close_for_what_is_written(run: Any) -> None:
    async def test(loop: Loop, ours: socket.socket, theirs: socket.socket) -> None:
        protocol = Told()
        transport = TrioTransport(loop, ours, protocol)
        mutable = bytearray(b"x" * MUCH)
        transport.write(mutable)
        assert protocol.calls == ["pause"]
        waiting = transport.get_write_buffer_size()
        assert HIGH < waiting < MUCH
        mutable[:] = b"y" * MUCH
        transport.writelines([b"a" * 1000] * 200)
        assert transport.get_write_buffer_size() == waiting + 200_000
        assert await received(theirs, MUCH) == b"x" * MUCH
        transport.close()
        assert transport.is_closing()
        assert await received(theirs, 1 << 30) == b"a" * 200_000
        await protocol.ended.wait()
        assert protocol.calls == ["pause", "resume", "lost"]
        assert transport.get_write_buffer_size() == 0

    run(test)


def test_an_abort_drops_what_is_written_and_is_told_later(run: Any) -> None:
    async def test(loop: Loop, ours: socket.socket, theirs: socket.socket) -> None:
        class Aborting(Told):
            def take(self) -> None:
                self.inside = True
                self.transport.write(b"x" * MUCH)
                self.transport.abort()
                self.transport.abort()
                self.inside = False

        protocol = Aborting()
        TrioTransport(loop, ours, protocol)
        theirs.send(b"go")
        await protocol.ended.wait()
        assert protocol.calls == ["pause", "lost"]
        assert protocol.error is None

    run(test)


def test_who_does_not_read_is_told_nothing(run: Any) -> None:
    async def test(loop: Loop, ours: socket.socket, theirs: socket.socket) -> None:
        protocol = Told()
        transport = TrioTransport(loop, ours, protocol)
        transport.pause_reading()
        theirs.send(b"later")
        theirs.close()
        await trio.sleep(0.02)
        assert (protocol.data, protocol.calls) == (b"", [])
        transport.resume_reading()
        await protocol.ended.wait()
        assert (protocol.data, protocol.calls) == (b"later", ["eof", "lost"])

    run(test)


def test_a_reset_is_the_end(run: Any) -> None:
    async def test(loop: Loop, ours: socket.socket, theirs: socket.socket) -> None:
        protocol = Told()
        TrioTransport(loop, ours, protocol)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        await protocol.ended.wait()
        assert isinstance(protocol.error, ConnectionResetError)
        assert protocol.calls == ["lost"]

    run(test)


def test_a_protocol_that_fails_ends_its_connection(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def test(loop: Loop, ours: socket.socket, theirs: socket.socket) -> None:
        class Failing(Told):
            def take(self) -> None:
                raise KeyError("this one")

        protocol = Failing()
        TrioTransport(loop, ours, protocol)
        theirs.send(b"go")
        await protocol.ended.wait()
        assert isinstance(protocol.error, KeyError)
        assert [record.getMessage() for record in caplog.records] == ["a connection failed"]

    run(test)


def test_one_that_fails_at_once_leaves_nothing(run: Any) -> None:
    async def test(loop: Loop, ours: socket.socket, theirs: socket.socket) -> None:
        class Failing(Told):
            def connection_made(self, transport: Any) -> None:
                raise KeyError("this one")

        with pytest.raises(KeyError):
            TrioTransport(loop, ours, Failing())

    run(test)


def test_the_end_of_the_run_closes_what_is_open(run: Any) -> None:
    others = [*pair(), *pair(), *pair()]
    told: list[Told] = []

    async def test(loop: Loop, ours: socket.socket, theirs: socket.socket) -> None:
        TrioTransport(loop, ours, Told()).abort()
        told.extend([Told() for _ in others])
        transports = [TrioTransport(loop, sock, protocol) for sock, protocol in zip(others, told, strict=True)]
        transports[0].pause_reading()
        transports[2].write(b"x" * MUCH)

    async def main() -> None:
        ours, theirs = pair()
        await test(running_loop(ClientContext()), ours, theirs)
        theirs.close()

    trio.run(main)
    assert [sock.fileno() for sock in others] == [-1] * 6
    assert not any("lost" in protocol.calls for protocol in told)
