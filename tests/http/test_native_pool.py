"""What an idle connection has to say before it is used again."""

from __future__ import annotations

import select
import socket

import pytest

from pynector.transport.http.native.readable import is_readable


@pytest.mark.parametrize("has_poll", [True, False])
def test_a_socket_is_readable_when_something_came_or_its_peer_has_gone(
    has_poll: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_poll:
        monkeypatch.delattr(select, "poll", raising=False)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not is_readable(ours.fileno())
        theirs.send(b"x")
        assert is_readable(ours.fileno())
        ours.recv(1)
        assert not is_readable(ours.fileno())
        theirs.close()
        assert is_readable(ours.fileno())
