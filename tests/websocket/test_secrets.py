"""What is secret stands in no error, no cause of one, no log and no local that a traceback would show."""

from __future__ import annotations

import logging
import pickle
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxyserver import Proxy
from pynector import ConfigurationError, PynectorError
from pynector.transport.websocket import WebSocketTransportFactory
from wsservers import Url, client, listening

pytestmark = pytest.mark.anyio

SECRET = "s3cr3t"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it says it comes from."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def shown(error: BaseException) -> str:
    """All that a tool shows that prints the locals of our frames."""
    parts: list[str] = []
    for one in chain(error):
        parts += [str(one), repr(one), repr(one.__dict__)]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if "pynector" in frame.f_code.co_filename:
                parts += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
    return "\n".join(parts)


OPTIONS: list[Any] = [
    pytest.param({"headers": {"Authorization": SECRET, "Cookie": SECRET}}, id="headers"),
    pytest.param({"headers": lambda: {"Authorization": SECRET}}, id="function"),
    pytest.param({"auth": ("user", SECRET)}, id="password"),
    pytest.param({"auth": SECRET}, id="token"),
]

ANSWERS: list[Any] = [
    pytest.param(b"HTTP/1.1 401 No\r\nSet-Cookie: %s\r\n\r\n", id="refused"),
    pytest.param(b"HTTP/1.1 101 Switching\r\nSet-Cookie: %s\r\n\r\n", id="no handshake"),
    pytest.param(b"HTTP/1.1 101 Switching\r\nSet-Cookie \x00 %s\r\n\r\n", id="no field"),
    pytest.param(b"HTTP/1.1 101 Switching\r\nUpgrade: %s\r\nConnection: Upgrade\r\n\r\n", id="wrong field"),
    pytest.param(b"HTTP/1.1 101 Switching\r\nConnection: %s \x01\r\n\r\n", id="malformed field"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_handshake_that_fails(options: Any, answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer.replace(b"%s", SECRET.encode()))
        connection.close()

    with listening(serve) as port:
        transport = WebSocketTransportFactory().create_transport(
            url=f"ws://127.0.0.1:{port}/path?token={SECRET}", trust_env=False, **options
        )
        with pytest.raises(PynectorError) as failed:
            await transport.connect()
        # The first frame is this one.
        failed.value.__traceback__ = failed.value.__traceback__ and failed.value.__traceback__.tb_next
        assert SECRET not in shown(failed.value)
        assert SECRET not in caplog.text
        assert SECRET not in "".join(map(repr, vars(transport).values()))


async def test_what_is_sent_is_logged_nowhere(url: Url, caplog: pytest.LogCaptureFixture) -> None:
    """The library below logs header fields and messages."""
    caplog.set_level(logging.DEBUG)
    async with client(url("/echo?token=" + SECRET), auth=SECRET) as it:
        assert await it.request(SECRET) == SECRET.encode()
    assert SECRET not in caplog.text


async def test_a_lost_connection(url: Url) -> None:
    async with client(url("/close-after?after=0&code=1000&token=" + SECRET), auth=SECRET, max_reconnects=0) as it:
        for _ in range(2):
            with pytest.raises(PynectorError) as failed:
                await it.request("x", 20)
            failed.value.__traceback__ = None
            assert SECRET not in shown(failed.value)
            assert SECRET not in shown(pickle.loads(pickle.dumps(failed.value)))


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks4"])
@pytest.mark.parametrize("kind", ["refuses", "is not there"])
async def test_a_proxy(scheme: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Proxy(b"HTTP/1.1 407 No\r\n\r\n", password=SECRET.encode() + b"!", refuse=True) as running:
        there = running.url(scheme, f"user:{SECRET}@")
        proxy = there if kind == "refuses" else there.replace(str(running.port), "9")
        transport = WebSocketTransportFactory().create_transport(url="ws://127.0.0.1:9/", proxy=proxy)
        with pytest.raises(PynectorError) as failed:
            await transport.connect()
        failed.value.__traceback__ = failed.value.__traceback__ and failed.value.__traceback__.tb_next
        assert SECRET not in shown(failed.value)
        assert SECRET not in caplog.text
        assert SECRET not in repr(transport._options.proxy)


async def test_options_that_are_not_valid(tmp_path: Path) -> None:
    for options in (
        {"headers": {"Authorization": SECRET + "\n"}},
        {"auth": ("us:er", SECRET)},
        {"auth": (SECRET,)},
        {"auth": SECRET + "\n"},
        {"proxy": f"ftp://user:{SECRET}@127.0.0.1"},
        {"url": f"ws://user:{SECRET}@127.0.0.1/"},
    ):
        with pytest.raises(ConfigurationError) as refused:
            client(**{"url": "ws://a/", **options})
        assert SECRET not in str(refused.value)


async def test_fields_that_a_function_gives_and_are_not_valid() -> None:
    with listening() as port:
        transport = WebSocketTransportFactory().create_transport(
            url=f"ws://127.0.0.1:{port}/", headers=lambda: {"Authorization": SECRET + "\n"}
        )
        with pytest.raises(ConfigurationError, match="what headers= gives") as refused:
            await transport.connect()
        assert SECRET not in str(refused.value)
