"""TLS by memory BIOs, over a transport that is played and over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loops import LOOPS
from pynector.transport.net.layers import SCRATCH, AsyncioTLSLayer
from pynector.transport.net.tls import tls_problem
from pynector.transport.net.tlslayer import MOST_UNASKED
from told import NAME, OLDER, SERVING, TRUSTING, Buffered, Told, contexts

on_loops = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]


class Below:
    """A transport that is played, with a server behind it.

    Attributes:
        full: Whether it takes no more than it is given at a time.
    """

    def __init__(self, context: ssl.SSLContext = SERVING) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.ready = self.ended = self.full = self.paused = self.closed = False
        self.got = bytearray()
        self.waiting = bytearray()
        self.layer: Any = None

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.waiting += data
        if self.full:
            self.layer.pause_writing()

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def serve(self) -> None:
        """Have the server read what was written, and answer the handshake."""
        self.incoming.write(self.waiting)
        self.waiting.clear()
        with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            if not self.ready:
                self.server.do_handshake()
                self.ready = True
            while data := self.server.read(1 << 16):
                self.got += data
            self.ended = True

    def pass_up(self, sizes: Callable[[], int]) -> None:
        """Give the layer what the server has sent, in pieces."""
        data = self.outgoing.read()
        while data and not self.closed:
            size = max(1, sizes())
            piece, data = data[:size], data[size:]
            self.layer.get_buffer(-1)[: len(piece)] = piece
            self.layer.buffer_updated(len(piece))


class Played:
    """A layer over what is played."""

    def __init__(self, protocol: Told, server: ssl.SSLContext = SERVING, client: ssl.SSLContext = TRUSTING) -> None:
        self.below = Below(server)
        self.soon: list[Callable[[], None]] = []
        self.ends: list[Any] = []
        self.layer = self.below.layer = AsyncioTLSLayer(
            client, NAME, protocol, self.soon.append, memoryview(bytearray(SCRATCH)), self.ends.append
        )

    def connect(self, sizes: Callable[[], int] = lambda: 1 << 16) -> None:
        self.layer.connection_made(self.below)
        for _ in range(5):
            self.below.serve()
            self.below.pass_up(sizes)

    def turn(self) -> None:
        soon, self.soon[:] = self.soon[:], []
        for call in soon:
            call()


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 40_000), min_size=1, max_size=6),
    st.sampled_from([None, 1, 1000, 16_384, 100_000]),
    st.lists(st.integers(0, 20_000), max_size=4),
    st.lists(st.booleans(), min_size=1, max_size=5),
    st.booleans(),
)
def test_any_split_of_bytes(
    cuts: list[int], room: int | None, parts: list[int], pauses: list[bool], is_older: bool
) -> None:
    protocol = Told() if room is None else Buffered(room)
    played = Played(protocol, *(OLDER if is_older else (SERVING, TRUSTING)))
    turns = itertools.cycle(cuts)
    played.connect(lambda: next(turns))
    assert played.ends == [None]
    sent = bytearray()
    for number, size in enumerate(parts):
        part = bytes([65 + number]) * size
        sent += part
        played.layer.writelines([part, bytearray(part)])
        sent += part
        if part:
            played.below.server.write(part * 2)
        if pauses[number % len(pauses)]:
            played.layer.pause_reading()
        played.below.serve()
        played.below.pass_up(lambda: next(turns))
        played.layer.resume_reading()
        played.turn()
    assert protocol.data == played.below.got == sent
    assert not played.below.paused
    with suppress(ssl.SSLWantReadError):
        played.below.server.unwrap()
    played.below.pass_up(lambda: next(turns))
    played.below.serve()
    assert protocol.told == ["made", "eof"]
    assert played.below.closed


ACTIONS = ("write", "write much", "fill", "drain", "pause", "resume", "peer writes", "peer reads", "turn", "peer asks")


@settings(max_examples=30)
@given(st.lists(st.sampled_from(ACTIONS), max_size=25), st.booleans(), st.booleans())
def test_any_order_of_events(actions: list[str], is_buffered: bool, is_peer_first: bool) -> None:
    """Whatever comes when, everything arrives once and in order, and before the end."""
    protocol = Buffered(5_000) if is_buffered else Told()
    played = Played(protocol)
    played.connect()
    below, layer, written, read = played.below, played.layer, bytearray(), bytearray()

    def pass_on() -> None:
        if not below.paused:
            below.pass_up(lambda: 3_000)

    def write(size: int) -> None:
        piece = bytes([len(written) % 251]) * size
        written.extend(piece)
        layer.write(piece)

    for number, action in enumerate(actions):
        if action.startswith("write"):
            write(150_000 if "much" in action else number)
        elif action in ("fill", "drain"):
            below.full = action == "fill"
            if below.full:
                layer.pause_writing()
            else:
                below.serve()
                layer.resume_writing()
        elif action in ("pause", "resume"):
            (layer.pause_reading if action == "pause" else layer.resume_reading)()
        elif action == "peer writes":
            read += (piece := bytes([number]) * 20_000)
            below.server.write(piece)
            pass_on()
        elif action == "peer reads":
            below.serve()
        elif action == "turn":
            played.turn()
        else:
            # What it says in between is not for the protocol.
            below.server.write(b"!")
            read += b"!"
    layer.resume_reading()
    played.turn()
    if is_peer_first:
        with suppress(ssl.SSLWantReadError):
            below.server.unwrap()
    pass_on()
    below.full = False
    below.serve()
    layer.resume_writing()
    layer.close()
    below.serve()
    assert below.got == written
    assert protocol.data == read
    assert below.closed
    layer.connection_lost(None)
    assert protocol.told[0] == "made"
    assert protocol.told[-1] is None
    assert protocol.told.count("eof") == is_peer_first
    moves = [told for told in protocol.told if told in ("pause", "resume")]
    assert moves == ["pause", "resume"] * (len(moves) // 2) + ["pause"] * (len(moves) % 2)


def test_what_the_transport_below_does_not_take_waits_once() -> None:
    protocol = Told()
    played = Played(protocol)
    played.connect()
    played.below.full = True
    written = bytearray(b"a" * 1_000_000)
    played.layer.write(written)
    written[:] = b"b" * len(written)
    assert protocol.told == ["made", "pause"]
    assert 0 < len(played.below.waiting) < 200_000
    assert 1_000_000 < played.layer.get_write_buffer_size() < 1_010_000
    played.layer.close()
    assert not played.below.closed
    for _ in range(100):
        played.below.serve()
        if played.below.closed:
            break
        played.layer.resume_writing()
        played.turn()
    assert played.below.got == b"a" * 1_000_000
    assert played.below.ended
    assert played.layer.get_write_buffer_size() == 0
    played.layer.connection_lost(OSError("what the peer made of that"))
    assert protocol.told[-1] is None


def test_what_was_written_before_a_close_leaves_after_the_peers_end() -> None:
    protocol = Told()
    played = Played(protocol)
    played.connect()
    played.below.full = True
    played.layer.write(b"a" * 1_000_000)
    played.layer.close()
    # Else the transport below would close itself: uvloop's when it has nothing left, although more is to come.
    assert played.layer.eof_received()
    while not played.below.closed:
        played.below.serve()
        played.layer.resume_writing()
        # asyncio's would be lost twice.
        assert not played.below.closed
        assert played.layer.eof_received()
        played.turn()
    played.below.serve()
    assert played.below.got == b"a" * 1_000_000
    assert played.below.ended
    assert not played.layer.eof_received()


class Leaving(Told):
    """Leaves when it is to write no more."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.abort()


@pytest.mark.parametrize("is_written", [False, True])
def test_nothing_is_written_after_an_abort(is_written: bool) -> None:
    protocol = Leaving()
    played = Played(protocol)
    played.connect()
    played.below.full = is_written
    if not is_written:
        played.layer.abort()
    # What is played below takes nothing after that.
    played.layer.write(b"a")
    played.layer.close()
    assert protocol.told == ["made", *(["pause"] if is_written else [])]


@pytest.mark.parametrize("size", [8, 400_000])
def test_a_view_is_written_as_the_bytes_that_it_shows(size: int) -> None:
    played = Played(Told())
    played.connect()
    data = bytes(range(8)) * (size // 8)
    views = [memoryview(data).cast("I"), memoryview(data).cast("B", (2, size // 2)), memoryview(data)[::-2]]
    for view in views:
        played.layer.write(view)
        assert played.layer.get_write_buffer_size() == len(played.below.waiting)
        played.below.serve()
    assert played.below.got == b"".join(map(bytes, views))


def test_resuming_is_told_when_nothing_waits_any_more() -> None:
    protocol = Told()
    played = Played(protocol)
    played.connect()
    played.below.full = True
    played.layer.write(b"a" * 300_000)
    played.layer.resume_writing()
    assert "resume" not in protocol.told
    played.below.full = False
    played.layer.resume_writing()
    assert protocol.told[-1] == "resume"


@pytest.mark.parametrize("has_word", [False, True])
def test_what_is_paused_stays_below_and_comes_before_the_end(has_word: bool) -> None:
    protocol = Told()
    played = Played(protocol)
    played.connect()
    played.layer.pause_reading()
    assert played.below.paused
    played.below.server.write(b"rest")
    played.below.pass_up(lambda: 1 << 16)
    if has_word:
        with suppress(ssl.SSLWantReadError):
            played.below.server.unwrap()
        played.below.pass_up(lambda: 1 << 16)
    assert played.layer.eof_received()
    assert (protocol.told, protocol.data) == (["made"], b"")
    played.layer.resume_reading()
    played.layer.pause_reading()
    played.turn()
    assert protocol.data == b""
    played.layer.resume_reading()
    played.turn()
    assert (protocol.told, protocol.data) == (["made", *(["eof"] if has_word else [])], b"rest")
    assert played.below.closed


def test_a_peer_that_asks_and_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = Told()
    played = Played(protocol)
    played.connect()
    played.below.full = True
    played.layer.write(b"a")
    played.below.waiting += bytes(MOST_UNASKED)
    played.below.server.write(b"x")
    played.below.pass_up(lambda: 1 << 16)
    assert played.below.closed
    played.layer.connection_lost(None)
    assert isinstance(protocol.told[-1], ssl.SSLError)


class Asked:
    """A client's TLS, or a context that makes it, whose peer asks for another handshake (TLS 1.2).

    Attributes:
        waits: Whether it waits for the peer to go on with that.
    """

    def __init__(self) -> None:
        self.waits = False
        self._tls: Any = None

    def wrap_bio(self, *args: Any, **options: Any) -> Any:
        self._tls = TRUSTING.wrap_bio(*args, **options)
        return self

    def do_handshake(self) -> None:
        self._tls.do_handshake()

    def read(self, size: int, buffer: memoryview) -> int:
        return int(self._tls.read(size, buffer))

    def write(self, data: bytes) -> int:
        if self.waits:
            raise ssl.SSLWantReadError
        return int(self._tls.write(data))


def test_a_peer_that_does_not_go_on_with_another_handshake_is_written_no_more() -> None:
    asked: Any = Asked()
    protocol = Told()
    played = Played(protocol, client=asked)
    played.connect()
    asked.waits = True
    played.layer.write(b"a")
    played.layer.write(b"b")
    assert protocol.told == ["made", "pause"]
    asked.waits = False
    played.below.server.write(b"on")
    played.below.pass_up(lambda: 1 << 16)
    played.below.serve()
    assert (protocol.told, played.below.got) == (["made", "pause", "resume"], b"ab")
    asked.waits = True
    played.layer.write(b"c")
    assert protocol.told[-1] == "pause"
    # For what it waits for would not be read.
    played.layer.close()
    assert played.below.closed


def test_garbage_ends_it_behind_what_came_before() -> None:
    protocol = Told()
    played = Played(protocol)
    played.connect()
    played.below.server.write(b"whole")
    data = played.below.outgoing.read() + b"\x17\x03\x03\x00\x20" + b"garbage." * 4
    played.layer.get_buffer(-1)[: len(data)] = data
    played.layer.buffer_updated(len(data))
    assert protocol.data == b"whole"
    assert played.below.closed
    played.layer.connection_lost(None)
    assert isinstance(protocol.told[-1], ssl.SSLError)
    assert played.layer.get_write_buffer_size() == 0
    played.layer.close()
    played.layer.abort()
    played.layer.write(b"x")
    played.layer.resume_reading()


def test_a_protocol_that_fails_is_told_so_and_nobody_else() -> None:
    class Failing(Told):
        def data_received(self, data: bytes) -> None:
            raise RuntimeError("no")

    protocol = Failing()
    played = Played(protocol)
    played.connect()
    played.layer.pause_reading()
    played.below.server.write(b"x")
    played.below.pass_up(lambda: 1 << 16)
    played.layer.resume_reading()
    played.turn()
    played.layer.connection_lost(None)
    assert isinstance(protocol.told[-1], RuntimeError)


def test_a_protocol_without_room_is_told_so() -> None:
    played = Played(Buffered(0))
    with pytest.raises(RuntimeError, match="empty buffer"):
        played.connect()


# Over real sockets


@contextmanager
def serving(serve: Callable[[ssl.SSLSocket], None], context: ssl.SSLContext = SERVING) -> Iterator[int]:
    """Serve one connection in a thread; the handshake is done where it can be."""
    failed: list[BaseException] = []

    def run() -> None:
        connection, _ = listener.accept()
        connection.settimeout(30)
        try:
            with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as wrapped:
                with suppress(OSError):
                    wrapped.do_handshake()
                serve(wrapped)
        except BaseException as error:
            failed.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(30)
    assert not failed


async def connected(
    port: int, protocol: Told, context: ssl.SSLContext = TRUSTING, name: str = NAME
) -> tuple[AsyncioTLSLayer, Any]:
    """Connect over TCP; give the layer, and what its handshake came to."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Any] = loop.create_future()
    layer = AsyncioTLSLayer(context, name, protocol, loop.call_soon, memoryview(bytearray(SCRATCH)), ended.set_result)
    await loop.create_connection(lambda: layer, "127.0.0.1", port)
    return layer, await ended


class OnLoops:
    pytestmark = on_loops


class TestOverSockets(OnLoops):
    @pytest.mark.parametrize("kind", [Told, Buffered])
    async def test_much_both_ways(self, kind: type[Told]) -> None:
        size = 16 << 20

        def echo(wrapped: ssl.SSLSocket) -> None:
            while data := wrapped.recv(1 << 16):
                wrapped.sendall(data)

        with serving(echo) as port:
            protocol = kind()
            layer, error = await connected(port, protocol)
            assert error is None
            data = bytes(range(256)) * (size // 256)
            layer.write(memoryview(data))
            assert layer.get_write_buffer_size() > size // 2
            await protocol.until(lambda: len(protocol.data) > 1 << 20)
            layer.pause_reading()
            layer.resume_reading()
            await protocol.until(lambda: len(protocol.data) == size)
            assert protocol.data == data
            assert layer.get_extra_info("ssl_object").version() == "TLSv1.3"
            assert layer.get_extra_info("peername") == ("127.0.0.1", port)
            assert all(layer.get_extra_info(name) for name in ("peercert", "cipher", "sslcontext"))
            layer.close()
            assert layer.is_closing()
            await protocol.until(lambda: protocol.told[-1] is None)
        assert [protocol.told[0], protocol.told[-1]] == ["made", None]
        assert protocol.told.count("pause") == protocol.told.count("resume")

    async def test_much_is_left_when_it_is_closed(self) -> None:
        closing, got = threading.Event(), bytearray()

        def serve(wrapped: ssl.SSLSocket) -> None:
            wrapped.suppress_ragged_eofs = False
            assert closing.wait(30)
            while data := wrapped.recv(1 << 16):
                got.extend(data)

        complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        # Whether a transport has nothing left to write when it is closed is a matter of chance.
        for _ in range(4):
            closing.clear()
            got.clear()
            with serving(serve) as port:
                protocol = Told()
                layer, _ = await connected(port, protocol)
                layer.write(bytes(8 << 20))
                layer.close()
                closing.set()
                await protocol.until(lambda told=protocol.told: told[-1] is None)
            await anyio.sleep(0.01)
            assert got == bytes(8 << 20)
        assert complaints == []

    @pytest.mark.parametrize("is_truncated", [False, True])
    async def test_an_end_is_told_where_the_peer_has_given_its_word_for_it(self, is_truncated: bool) -> None:
        def serve(wrapped: ssl.SSLSocket) -> None:
            wrapped.sendall(b"body")
            if is_truncated:
                socket.socket.shutdown(wrapped, socket.SHUT_WR)
            else:
                with suppress(OSError):
                    wrapped.unwrap()

        protocols = [Told(), Told()]
        with serving(serve) as port:
            await connected(port, protocols[0])
            await protocols[0].until(lambda: protocols[0].told[-1] is None)
        told = ["made", *([] if is_truncated else ["eof"]), None]
        assert (protocols[0].told, protocols[0].data) == (told, b"body")
        loop = asyncio.get_running_loop()
        if isinstance(loop, asyncio.BaseEventLoop):
            # asyncio's own, which is not used, tells of every end; until Python 3.11 of the wrong one alone.
            return
        with serving(serve) as port:
            await loop.create_connection(lambda: protocols[1], "127.0.0.1", port, ssl=TRUSTING, server_hostname=NAME)
            await protocols[1].until(lambda: protocols[1].told[-1] is None)
        assert (protocols[1].told, protocols[1].data) == (told, b"body")

    async def test_a_certificate_that_is_not_trusted(self) -> None:
        def serve(wrapped: ssl.SSLSocket) -> None:
            pass

        for context, name in ((OLDER[1], NAME), (TRUSTING, "other.test")):
            with serving(serve) as port:
                protocol = Told()
                _, error = await connected(port, protocol, context, name)
            assert isinstance(error, ssl.SSLCertVerificationError)
            problem = tls_problem(error)
            assert (problem.phase, problem.transient, protocol.told) == ("tls", False, [])

    @pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    async def test_no_handshake(self, sent: bytes) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(sent)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            _, error = await connected(server.sockets[0].getsockname()[1], protocol := Told())
        assert isinstance(error, ssl.SSLError if sent else ConnectionResetError)
        assert str(error)
        assert protocol.told == []

    async def test_a_client_certificate_that_is_missed(self) -> None:
        demanding, trusting = contexts()
        demanding.verify_mode = ssl.CERT_REQUIRED

        def serve(wrapped: ssl.SSLSocket) -> None:
            socket.socket.shutdown(wrapped, socket.SHUT_WR)
            while socket.socket.recv(wrapped, 4096):
                pass

        with serving(serve, demanding) as port:
            protocol = Told()
            _, error = await connected(port, protocol, trusting)
            assert error is None
            await protocol.until(lambda: isinstance(protocol.told[-1], Exception))
        assert isinstance(protocol.told[-1], ssl.SSLError)

    async def test_one_in_another(self) -> None:
        size = 4 << 20
        received = bytearray()

        def serve(outer: ssl.SSLSocket) -> None:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            inner = SERVING.wrap_bio(incoming, outgoing, server_side=True)
            is_ready = False
            while len(received) < size:
                try:
                    if not is_ready:
                        inner.do_handshake()
                        is_ready = True
                    received.extend(data := inner.read(1 << 16))
                    inner.write(data)
                except ssl.SSLWantReadError:
                    if outgoing.pending:
                        outer.sendall(outgoing.read())
                    incoming.write(outer.recv(1 << 16))
            outer.sendall(outgoing.read())
            assert outer.recv(1 << 16)

        with serving(serve) as port:
            outer_protocol, protocol = Told(), Buffered()
            outer, _ = await connected(port, outer_protocol)
            loop = asyncio.get_running_loop()
            ended: asyncio.Future[Any] = loop.create_future()
            inner = AsyncioTLSLayer(TRUSTING, NAME, protocol, loop.call_soon, outer.get_buffer(-1), ended.set_result)
            outer.set_protocol(inner)
            inner.connection_made(outer)
            assert await ended is None
            data = bytes(range(256)) * (size // 256)
            inner.write(data)
            await protocol.until(lambda: len(protocol.data) == size)
            assert protocol.data == data == received
            inner.close()
            await protocol.until(lambda: protocol.told[-1] is None)
