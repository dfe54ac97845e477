"""The handshake: what it says, and how it is refused."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from pynector import ConfigurationError, ConnectError
from pynector.transport.http.headers import header_pairs
from pynector.transport.websocket.options import WebSocketOptions
from pynector.transport.websocket.protocol import opened
from wsservers import Url, client, listening

pytestmark = pytest.mark.anyio

WRONG = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: c29tZXRoaW5nIGVsc2U=\r\n\r\n"
)


def request(**options: Any) -> list[bytes]:
    known = WebSocketOptions({"url": "ws://example.com/", "trust_env": False, **options})
    protocol = opened(known, header_pairs(options.get("headers"), "headers"))
    return b"".join(protocol.data_to_send()).split(b"\r\n")


def test_a_header_of_the_users_takes_the_place_of_the_default() -> None:
    lines = request(headers=[("host", "other.example"), ("X-Two", "1"), ("x-two", "2")], origin="https://a.example")
    assert [line for line in lines if line.lower().startswith(b"host")] == [b"host: other.example"]
    assert [line for line in lines if line.lower().startswith(b"x-two")] == [b"X-Two: 1", b"x-two: 2"]
    assert b"Origin: https://a.example" in lines
    assert not any(line.startswith(b"Origin") for line in request(headers={"origin": None}, origin="https://a.example"))


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/a b?c d=é", b"/a%20b?c%20d=%C3%A9"),
        ("/%20/../a", b"/%20/../a"),
        ("?a b", b"/?a%20b"),
        ("/#", b"/"),
        ("", b"/"),
    ],
)
def test_a_path_and_a_query_are_percent_encoded(target: str, sent: bytes) -> None:
    assert request(url=f"ws://example.com{target}")[0] == b"GET " + sent + b" HTTP/1.1"


@pytest.mark.parametrize(
    ("name", "instead"),
    [("Upgrade", ""), ("sec-websocket-key", ""), ("Sec-WebSocket-Protocol", "use subprotocols")],
)
def test_headers_of_the_handshakes_own_are_refused(name: str, instead: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is the handshake's own.*{instead}"):
        client("ws://example.com/", headers={name: "x"})._lifecycle  # noqa: B018


@pytest.mark.parametrize(
    "option", [{"subprotocols": ["a b"]}, {"subprotocols": ["a\r\nX: 1"]}, {"origin": "https://a b"}]
)
def test_what_may_not_stand_in_a_header_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(option))):
        client("ws://example.com/", **option)


@pytest.mark.parametrize(
    ("answer", "said", "transient"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n\r\nand so on", "status 401", False),
        (b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", "status 503", True),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nbegun", "status 404", False),
        (WRONG, "Sec-WebSocket-Accept", False),
        (b"SSH-2.0-OpenSSH\r\n", "HTTP", True),
    ],
)
async def test_an_answer_that_does_not_end_is_refused_at_once(answer: bytes, said: str, transient: bool) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    with listening(serve) as port, pytest.raises(ConnectError, match=said) as failed:
        await client(f"ws://127.0.0.1:{port}/", open_timeout=60, max_reconnects=0).request("x", 30)
    assert failed.value.transient is transient


async def test_a_server_that_says_nothing_and_closes_is_told_so() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.close()

    with listening(serve) as port, pytest.raises(ConnectError, match="the peer closed the connection"):
        await client(f"ws://127.0.0.1:{port}/", max_reconnects=0).request("x", 30)


async def test_numbers_beyond_all_bounds_are_no_bounds(url: Url) -> None:
    async with client(url("/echo"), max_message_bytes=10**30, max_in_flight=10**30) as it:
        assert await it.request("x") == b"x"
