"""A way through a proxy: an HTTP proxy's CONNECT makes a tunnel (RFC 9110 section 9.3.6), or SOCKS does (RFC 1928)."""

from __future__ import annotations

import base64
import ssl

import anyio
from anyio.abc import ByteStream

from ...errors import ConnectError
from .proxies import Proxy
from .streams import secured

# The most bytes of a proxy's answer.
MOST = 1 << 16


async def tunnel(proxy: Proxy, context: ssl.SSLContext | None, host: str, port: int) -> ByteStream:
    """Give a stream to a server through a proxy.

    Args:
        proxy: The proxy.
        context: That of TLS with an https proxy.
        host: The server's name or address.
        port: The server's port.

    Raises:
        ConnectError: If the proxy makes no tunnel.
        OSError: If the proxy cannot be reached.
        anyio.BrokenResourceError: If it breaks the connection.
    """
    if proxy.scheme.startswith("socks"):
        return await _by_socks(proxy, host, port)
    stream: ByteStream = await anyio.connect_tcp(proxy.host, proxy.port)
    if context is not None:
        stream = await secured(stream, context, proxy.host)
    try:
        await stream.send(connect_request(proxy, host, port))
        answer = b""
        while not is_whole(answer):
            try:
                answer += await stream.receive()
            except anyio.EndOfStream:
                raise no_tunnel("it closed the connection") from None
        check_answer(answer)
    except BaseException:
        await anyio.aclose_forcefully(stream)
        raise
    return stream


async def _by_socks(proxy: Proxy, host: str, port: int) -> ByteStream:
    from python_socks import ProxyError, ProxyType
    from python_socks.async_.anyio import Proxy as SocksProxy

    kind = ProxyType.SOCKS5 if proxy.scheme.startswith("socks5") else ProxyType.SOCKS4
    remote = proxy.scheme in ("socks4a", "socks5h")
    asked = SocksProxy(kind, proxy.host, proxy.port, proxy.user, proxy.password or None, rdns=remote)
    try:
        # The time is its caller's matter.
        return await asked.connect(host, port, timeout=float("inf"))
    except ProxyError as error:
        raise no_tunnel(str(error)) from error


def connect_request(proxy: Proxy, host: str, port: int) -> bytes:
    """Give the request for a tunnel to a server."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.user is not None:
        pair = base64.b64encode(f"{proxy.user}:{proxy.password}".encode())
        lines.append(f"Proxy-Authorization: Basic {pair.decode()}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def is_whole(answer: bytes) -> bool:
    """Say whether a proxy's answer has come.

    Raises:
        ConnectError: If it will not.
    """
    if len(answer) > MOST:
        raise no_tunnel("its answer does not end")
    return b"\r\n\r\n" in answer


def check_answer(answer: bytes) -> None:
    """Take a proxy's answer.

    Raises:
        ConnectError: If it makes no tunnel.
    """
    words = answer.split(b"\r\n", 1)[0].split(b" ", 2)
    if not words[0].startswith(b"HTTP/1.") or len(words) < 2 or not words[1].isdigit():
        raise no_tunnel("it does not speak HTTP/1.1")
    status = int(words[1])
    if not 200 <= status < 300:
        raise no_tunnel(f"it answered with status {status}", status)
    if not answer.endswith(b"\r\n\r\n") or answer.count(b"\r\n\r\n") > 1:
        raise no_tunnel("it sent something of its own into the tunnel")


def no_tunnel(said: str, status: int | None = None) -> ConnectError:
    """Give the error of a proxy that makes no tunnel, and has perhaps answered with a status."""
    return ConnectError(f"no connection through the proxy: {said}", phase="connect", sent="none", came_of=status)
