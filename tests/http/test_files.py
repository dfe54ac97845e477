"""Bodies from files and iterators: read while they are sent, sent again as the same or not at all, and left open."""

from __future__ import annotations

import array
import contextlib
import gzip
import io
import os
import re
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from scripted import ScriptedServer, answer, eventually

from pynector import ConfigurationError, ConnectionLost, HTTPStatusError, ProtocolError, Pynector
from pynector import TimeoutError as PynectorTimeout
from pynector.errors import TransportError
from pynector.testing import LoopbackServer

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio

# Longer than any piece that is read at once.
BODY = b"".join(b"line %d\n" % number for number in range(40_000))


def body_of(request: bytes) -> bytes:
    """Give the body of a request, its chunks undone."""
    head, _, body = request.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return whole


def length_in(request: bytes) -> int | None:
    found = re.search(rb"\r\ncontent-length: (\d+)\r\n", request.partition(b"\r\n\r\n")[0] + b"\r\n", re.IGNORECASE)
    return int(found[1]) if found else None


async def send(client: Pynector, data: dict[str, Any], way: str, **options: Any) -> Any:
    if way == "batch":
        (result,) = await client.batch_request([(data, options)])
        if isinstance(result, Exception):
            raise result
        return result
    if way == "stream":
        async with client.stream(data, **options) as response:
            return await response.read()
    if way == "retry":
        return await client.request_with_retry(data, retry_delay=0.001, **options)
    return await client.request(data, **options)


class Seekable:
    """A file of the user's own that can seek; it says how it was read."""

    def __init__(self, content: bytes) -> None:
        self.inner = io.BytesIO(content)
        self.sizes: list[int] = []
        self.threads: set[int] = set()
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        self.sizes.append(size)
        self.threads.add(threading.get_ident())
        return self.inner.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        return self.inner.seek(place, whence)

    def tell(self) -> int:
        return self.inner.tell()

    def close(self) -> None:
        self.closed = True


class Stream(Seekable):
    """One that cannot."""

    def seekable(self) -> bool:
        return False


class Pieces:
    """Makes a new iterator each time."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([BODY[:9], b"", BODY[9:]])


def in_file(folder: Path, content: bytes = BODY) -> Any:
    (folder / "file.txt").write_bytes(content)
    return (folder / "file.txt").open("rb")


def compressed(folder: Path) -> Any:
    (folder / "file.gz").write_bytes(gzip.compress(BODY))
    return gzip.open(folder / "file.gz")


def temporary(folder: Path) -> Any:
    file = tempfile.NamedTemporaryFile(dir=folder)  # noqa: SIM115 - whoever asked for it closes it
    file.write(BODY)
    file.seek(0)
    return file


def spooled(folder: Path) -> Any:
    file = tempfile.SpooledTemporaryFile(1 << 30)  # noqa: SIM115 - whoever asked for it closes it
    file.write(BODY)
    file.seek(0)
    return file


def piped(folder: Path) -> Any:
    reading, writing = os.pipe()

    def write() -> None:
        # Nobody may want all of it.
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
            file.write(BODY)

    threading.Thread(target=write).start()
    return os.fdopen(reading, "rb")


async def asynchronous() -> AsyncIterator[bytes]:
    for piece in Pieces():
        yield piece


# What gives the body, whether its length is known, and whether it can be read again.
KINDS: dict[str, tuple[Callable[[Path], Any], bool, bool]] = {
    "bytes": (lambda folder: BODY, True, True),
    "bytearray": (lambda folder: bytearray(BODY), True, True),
    "memoryview": (lambda folder: memoryview(BODY), True, True),
    "array": (lambda folder: array.array("B", BODY), True, True),
    "list": (lambda folder: [BODY[:9], bytearray(BODY[9:])], True, True),
    "BytesIO": (lambda folder: io.BytesIO(BODY), True, True),
    "file": (in_file, True, True),
    "temporary": (temporary, True, True),
    "spooled": (spooled, True, True),
    "own file": (lambda folder: Seekable(BODY), True, True),
    "gzip": (compressed, False, True),
    "own stream": (lambda folder: Stream(BODY), False, False),
    "pipe": (piped, False, False),
    "generator": (lambda folder: (piece for piece in Pieces()), False, False),
    "iterator": (lambda folder: iter([BODY]), False, False),
    "iterable": (lambda folder: Pieces(), False, True),
    "async generator": (lambda folder: asynchronous(), False, False),
}


def done_with(content: Any) -> None:
    """Close a file, which must be open yet."""
    if hasattr(content, "read"):
        assert not content.closed
        content.close()


@pytest.mark.parametrize("way", ["request", "batch", "stream", "retry"])
@pytest.mark.parametrize("kind", KINDS)
async def test_content_may_be_any_of_these(play: Play, engine: str, tmp_path: Path, kind: str, way: str) -> None:
    make, has_length, _ = KINDS[kind]
    content = make(tmp_path)
    server = play([answer(b"got it")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await send(client, {"method": "PUT", "path": "/", "content": content}, way) == b"got it"
    done_with(content)
    (request,) = server.requests
    assert body_of(request) == BODY
    assert length_in(request) == (len(BODY) if has_length else None)


@pytest.mark.parametrize("kind", KINDS)
async def test_data_may_be_content_and_files_take_the_same(
    server: LoopbackServer, engine: str, tmp_path: Path, kind: str
) -> None:
    make = KINDS[kind][0]
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        content = make(tmp_path)
        if kind not in ("list", "iterable"):
            assert await client.request(content, path="/echo") == BODY
            done_with(content)
            content = make(tmp_path)
        files = {"f": ("name.txt", content), "g": b"other"}
        body = await client.request({"path": "/echo", "files": files, "data": {"a": "b"}})
        done_with(content)
    boundary = body.split(b"\r\n")[0]
    assert body.split(boundary) == [
        b"",
        b'\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n',
        b'\r\nContent-Disposition: form-data; name="f"; filename="name.txt"\r\nContent-Type: text/plain\r\n\r\n%b\r\n'
        % BODY,
        b'\r\nContent-Disposition: form-data; name="g"; filename="upload"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nother\r\n",
        b"--\r\n",
    ]


async def test_a_form_with_files_has_its_length_where_that_is_known(play: Play, engine: str, tmp_path: Path) -> None:
    server = play([answer(), answer()])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with in_file(tmp_path) as file:
            await client.request({"path": "/", "files": [("f", file), ("f", file)]})
            await client.request({"path": "/", "files": {"f": file, "g": Stream(b"stream")}})
    first, second = server.requests
    assert length_in(first) == len(body_of(first))
    assert first.count(b'filename="file.txt"') == 2
    assert first.count(BODY) == 2
    assert length_in(second) is None
    assert body_of(second).count(BODY) == 1


@pytest.mark.parametrize("field", ["content", "files"])
async def test_a_file_is_read_piece_by_piece_in_another_thread(server: LoopbackServer, engine: str, field: str) -> None:
    for file in (Seekable(BODY * 4), Stream(BODY * 4)):
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            seen = await client.request({"path": "/echo", field: file if field == "content" else {"f": file}})
        assert BODY * 4 in seen
        assert 0 < max(file.sizes) <= 1 << 18
        assert min(file.sizes) >= 0
        assert len(file.sizes) > 4
        assert threading.get_ident() not in file.threads


async def test_a_file_is_sent_from_where_it_is_and_stays_there(
    server: LoopbackServer, engine: str, tmp_path: Path
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for file in (in_file(tmp_path), spooled(tmp_path), io.BytesIO(BODY)):
            with file:
                file.seek(7)
                data = {"path": "/echo", "content": file}
                assert [await client.request(data), await client.request(data)] == [BODY[7:]] * 2
                assert file.tell() == 7
                # A form has all of it.
                assert BODY in await client.request({"path": "/echo", "files": {"f": file}})


async def test_an_empty_file_is_empty_and_one_that_is_said_to_be_is_read(
    play: Play, engine: str, tmp_path: Path
) -> None:
    server = play([answer()] * 3)

    class MadeUp(Seekable):
        """As files of /proc are."""

        def seek(self, place: int, whence: int = 0) -> int:
            return super().seek(place)

    with in_file(tmp_path, b"") as empty:
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            for content in (empty, MadeUp(BODY), io.BytesIO()):
                await client.request({"path": "/", "content": content})
    assert [length_in(request) for request in server.requests] == [0, None, 0]
    assert [body_of(request) for request in server.requests] == [b"", BODY, b""]


async def test_many_requests_may_send_one_file_at_a_time(server: LoopbackServer, engine: str, tmp_path: Path) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for file in (in_file(tmp_path), Seekable(BODY)):
            answers = await client.batch_request([({"path": "/echo", "content": file}, {})] * 12)
            assert [len(body) for body in answers] == [len(BODY)] * 12
            assert set(answers) == {BODY}
            file.close()


@pytest.mark.parametrize("name", ["anyio", "trio"])
async def test_an_async_file_is_a_file(
    play: Play, engine: str, tmp_path: Path, name: str, anyio_backend_name: str
) -> None:
    in_file(tmp_path).close()
    path = tmp_path / "file.txt"
    if name == "trio":
        if anyio_backend_name != "trio":
            return
        import trio

        file: Any = await trio.open_file(path, "rb")
    else:
        file = await anyio.open_file(path, "rb")
    server = play([answer(b"", "503 Busy"), answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await send(client, {"method": "PUT", "path": "/", "content": file}, "retry") == b"done"
    assert await file.read() == BODY
    await file.aclose()
    assert [(body_of(request), length_in(request)) for request in server.requests] == [(BODY, len(BODY))] * 2


# Sent again


async def test_what_is_in_memory_is_fixed_when_it_is_submitted(play: Play, engine: str) -> None:
    buffer, pieces, array_ = io.BytesIO(b"first"), [b"first"], bytearray(b"first")

    def fill(content: bytes) -> None:
        buffer.seek(0)
        buffer.write(content)
        buffer.seek(0)
        pieces[0] = array_[:] = content

    for content in (buffer, pieces, array_):
        fill(b"first")
        moved = [lambda: fill(b"other"), answer(b"", "307 Moved", "Location: /there")]
        server = play([moved, answer(b"done")])
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            assert await client.request({"method": "PUT", "path": "/", "content": content}) == b"done"
        assert [body_of(request) for request in server.requests] == [b"first"] * 2


RETRIED = [name for name, (_, _, again) in KINDS.items() if again]
ONCE = [name for name, (_, _, again) in KINDS.items() if not again]


def content_field(kind: str, field: str, folder: Path) -> tuple[Any, dict[str, Any]]:
    content = KINDS[kind][0](folder)
    return content, {field: content if field == "content" else {"f": ("name", content), "g": b"other"}}


@pytest.mark.parametrize("field", ["content", "files"])
@pytest.mark.parametrize("kind", RETRIED)
async def test_what_is_sent_again_is_the_same(play: Play, engine: str, tmp_path: Path, kind: str, field: str) -> None:
    other = play([answer(b"done")])
    server = play([answer(b"", "503 Busy"), answer(b"", "308 Moved", f"Location: {other.url}/there")])
    content, described = content_field(kind, field, tmp_path)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await send(client, {"method": "PUT", "path": "/", **described}, "retry") == b"done"
    done_with(content)
    requests = [*server.requests, *other.requests]
    assert len(requests) == 3
    assert len({(body_of(request), length_in(request)) for request in requests}) == 1
    assert BODY in body_of(requests[0])
    assert (length_in(requests[0]) is not None) is KINDS[kind][1]


@pytest.mark.parametrize("field", ["content", "files"])
@pytest.mark.parametrize("kind", RETRIED)
async def test_an_auth_flow_sends_the_same_again(play: Play, tmp_path: Path, kind: str, field: str) -> None:
    challenge = answer(b"", "401 Unauthorized", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    server = play([challenge, answer(b"welcome")])
    content, described = content_field(kind, field, tmp_path)
    async with Pynector(base_url=server.url, auth=httpx.DigestAuth("user", "pw")) as client:
        assert await client.request({"method": "POST", "path": "/", **described}) == b"welcome"
    done_with(content)
    first, second = server.requests
    assert BODY in body_of(first)
    assert body_of(first) == body_of(second)


@pytest.mark.parametrize("kind", ["file", "iterable", "own file"])
async def test_a_connection_that_was_closed_is_replaced_and_gets_the_same(
    play: Play, engine: str, tmp_path: Path, kind: str
) -> None:
    content = KINDS[kind][0](tmp_path)
    server = play([answer(b"first"), "reset"], [answer(b"second")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"path": "/"}) == b"first"
        assert await client.request({"method": "PUT", "path": "/", "content": content}) == b"second"
    done_with(content)
    assert body_of(server.requests[-1]) == BODY


@pytest.mark.parametrize("field", ["content", "files"])
@pytest.mark.parametrize("kind", ONCE)
async def test_what_can_be_read_once_is_sent_once(
    play: Play, engine: str, tmp_path: Path, kind: str, field: str
) -> None:
    for step, error in (
        (answer(b"", "503 Busy"), HTTPStatusError),
        (answer(b"", "307 Moved", "Location: /there"), ProtocolError),
        ("close", ConnectionLost),
    ):
        server = play([step, answer(b"sent again")], [answer(b"sent again")])
        content, described = content_field(kind, field, tmp_path)
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            with pytest.raises(error):
                await send(client, {"method": "PUT", "path": "/", **described}, "retry")
        done_with(content)
        (request,) = server.requests
        assert BODY in body_of(request)


class Same:
    """Gives one iterator for all times, and is none itself."""

    def __init__(self) -> None:
        self.pieces = iter([BODY])

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces


class AsyncSame:
    """Likewise."""

    def __init__(self) -> None:
        self.pieces = asynchronous()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.pieces


@pytest.mark.parametrize("make", [Same, AsyncSame])
async def test_what_gives_the_same_iterator_again_is_not_sent_again_as_nothing(
    play: Play, engine: str, make: Callable[[], Any]
) -> None:
    server = play([answer(b"", "503 Busy")], [answer(b"sent again")])
    async with Pynector(base_url=server.url, http_engine=engine, headers={"Connection": "close"}) as client:
        with pytest.raises(TransportError, match="cannot be read again: it gives the same iterator"):
            await send(client, {"method": "PUT", "path": "/", "content": make()}, "retry")
    assert [body_of(request) for request in server.requests] == [BODY]


async def test_a_file_that_has_changed_is_not_sent_again(play: Play, engine: str, tmp_path: Path) -> None:
    server = play()
    with in_file(tmp_path) as file:

        def change() -> None:
            (tmp_path / "file.txt").write_bytes(BODY[::-1] + b"and more")

        server.script([[change, answer(b"", "503 Busy")], answer(b"sent again")], [answer(b"sent again")])
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            with pytest.raises(TransportError, match="the file has changed since it was sent first") as caught:
                await send(client, {"method": "PUT", "path": "/", "content": file}, "retry")
        assert isinstance(caught.value.__cause__, ConfigurationError)
    assert [body_of(request) for request in server.requests] == [BODY]


async def test_a_file_that_is_shorter_than_it_was_is_no_whole_body(play: Play, engine: str, tmp_path: Path) -> None:
    class Shrinking(Seekable):
        def read(self, size: int = -1) -> bytes:
            return b"" if self.tell() else super().read(5)

    server = play(["hang"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TransportError, match="has not the length") as caught:
            await client.request({"method": "PUT", "path": "/", "content": Shrinking(BODY)})
    assert (caught.value.phase, caught.value.sent, caught.value.transient) == ("write", "partial", False)
    assert server.requests == []


# What blocks, and what ends early


async def test_a_pipe_that_says_nothing_holds_nobody_up(play: Play, engine: str) -> None:
    reading, writing = os.pipe()
    server = play([], [answer(b"meanwhile")])
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb", 0) as end:
        end.write(b"begun")
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            with pytest.raises(PynectorTimeout) as caught:
                await client.request({"method": "POST", "path": "/", "content": pipe}, timeout=0.5)
            assert await client.request({"path": "/"}) == b"meanwhile"
            assert b"begun" in server.connections[0].received
        assert caught.value.sent == "partial"
        # The thread is let go.
        end.write(b"x")


async def test_a_generator_that_is_not_needed_to_its_end_is_closed(play: Play, engine: str) -> None:
    begun, ended = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                begun.set()
                yield bytes(1000)
        finally:
            ended.set()

    server = play([[begun, answer(b"", "413 Too Large", "Connection: close"), "hang"]], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(HTTPStatusError):
            await client.request({"method": "PUT", "path": "/", "content": pieces()})
        assert await eventually(ended.is_set)


CALLER: ContextVar[str] = ContextVar("CALLER", default="nobody")


@pytest.mark.parametrize("way", ["request", "batch", "stream", "retry"])
async def test_a_generator_has_the_caller_s_context_variables(server: LoopbackServer, engine: str, way: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield CALLER.get().encode()
        yield CALLER.get().encode()

    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.request({"path": "/id/1"})
        CALLER.set("me")
        assert await send(client, {"path": "/echo", "content": pieces()}, way) == b"meme"


class Encrypting(Seekable):
    """What the user has put around a file: what it says of itself is what counts."""

    def __init__(self, wrapped: Any) -> None:
        super().__init__(BODY[::-1])
        self.wrapped = wrapped


class AsyncEncrypting:
    """Likewise, but an async iterable."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    async def read(self, size: int = -1) -> bytes:
        raise NotImplementedError

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield BODY[::-1]


@pytest.mark.parametrize("around", [Encrypting, AsyncEncrypting])
async def test_what_is_put_around_a_file_is_not_passed_over(
    server: LoopbackServer, engine: str, around: Callable[[Any], Any]
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        content = around(io.BytesIO(BODY))
        assert await client.request({"path": "/echo", "content": content}) == BODY[::-1]
        assert BODY[::-1] in await client.request({"path": "/echo", "files": {"f": content}})


class Own:
    """An async iterator of the user's own that can be closed, as a file can."""

    def __init__(self) -> None:
        self.closed = False
        self.pieces = [b"a", b"b"]

    def __aiter__(self) -> Own:
        return self

    async def __anext__(self) -> bytes:
        if not self.pieces:
            raise StopAsyncIteration
        return self.pieces.pop(0)

    async def aclose(self) -> None:
        self.closed = True


async def test_what_the_user_made_is_the_user_s_to_close(server: LoopbackServer, engine: str) -> None:
    own = Own()
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"path": "/echo", "content": own}) == b"ab"
    assert not own.closed


def raising() -> Iterator[bytes]:
    yield b"begun"
    raise LookupError("no more")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (raising, "LookupError: no more"),
        (lambda: iter([b"a", "b"]), "content must give bytes, not str"),
        (lambda: iter([b"a", None]), "content must give bytes, not NoneType"),
        (lambda: iter([b"a", 5]), "content must give bytes, not int"),
    ],
)
@pytest.mark.parametrize("field", ["content", "files"])
async def test_what_an_iterator_does_wrong_ends_the_request(
    play: Play, engine: str, field: str, make: Callable[[], Any], said: str
) -> None:
    server = play(["hang"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TransportError, match=said) as caught:
            await client.request({"path": "/", field: make() if field == "content" else {"f": make()}})
    assert (caught.value.phase, caught.value.sent, caught.value.transient) == ("write", "partial", False)
