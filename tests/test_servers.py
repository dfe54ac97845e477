"""The tests' own servers, whose clients go at any moment: nothing of them is left open, or under way."""

from __future__ import annotations

import asyncio
import gc
import select
import socket
import ssl
import struct

import pytest
import trustme

from limits.noting import Connection, NotingServer
from sockets import end_serving, secured

LINGER_0 = struct.pack("ii", 1, 0)


def test_a_handshake_whose_client_has_gone_leaves_no_socket_open() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client:
            accepted, _ = listener.accept()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
        # It has heard of the reset.
        select.select([accepted], [], [], 10)
        with pytest.raises(OSError, match=r"not connected|reset|closed|descriptor"):
            secured(context, accepted)
    # A socket that is freed while it is open is a warning, and so an error.
    gc.collect()


def test_a_server_that_ends_leaves_no_connection_open_that_it_has_just_accepted() -> None:
    made: list[asyncio.BaseTransport] = []

    class Noting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Noting, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            # The loop has accepted it, and makes a connection of it in this turn.
            for _ in range(2):
                await asyncio.sleep(0)
            await end_serving(server)
        for transport in made:
            transport.close()
        await asyncio.sleep(0)

    asyncio.run(serve())
    gc.collect()


def test_a_request_whose_client_has_gone_is_under_way_no_more() -> None:
    server = NotingServer()

    async def lose() -> None:
        connection = Connection(server)
        connection.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert server.in_flight == 1
        connection.connection_lost(None)
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(lose())
    assert server.in_flight == 0
