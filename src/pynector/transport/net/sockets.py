"""The options of sockets: those that all of ours have, and those that the user asks for."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from typing import Any

from ...errors import ConfigurationError

SocketOption = tuple[int, int, "int | bytes"]
"""Level, name and value, as `socket.setsockopt` takes them."""

_INT = range(-(2**31), 2**31)


def checked_socket_options(value: Any, where: str) -> tuple[SocketOption, ...]:
    """Accept a list of (level, name, value)."""
    options = tuple(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else (None,)
    if not all(map(_is_option, options)):
        raise ConfigurationError(
            f"{where} must be a list of (level, name, value) such as "
            f"(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536), not {value!r}"
        )
    return options


def _is_option(option: Any) -> bool:
    return (
        isinstance(option, tuple)
        and len(option) == 3
        and all(isinstance(part, int) and part in _INT for part in option[:2])
        and (isinstance(option[2], bytes) or (isinstance(option[2], int) and option[2] in _INT))
    )


def set_options_of(raw: Any, options: Iterable[SocketOption]) -> None:
    """Set options as `set_options` does on a socket that a library has made and connected.

    Raises:
        ConfigurationError: If one of the user's cannot be set.
    """
    # A copy of the descriptor has the same options; uvloop's objects do not let them be set.
    with socket.fromfd(raw.fileno(), raw.family, raw.type) as sock:
        set_options(sock, options)


def set_options(sock: socket.socket, options: Iterable[SocketOption]) -> None:
    """Set what all our sockets have, and then the user's options.

    Raises:
        ConfigurationError: If one of the user's cannot be set.
    """
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        # The peer, or a network between, may go without a word; and small pieces are not to wait for one another.
        # asyncio does the latter for sockets only that say their protocol.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option in options:
        try:
            sock.setsockopt(*option)
        except OSError as error:
            raise ConfigurationError(f"socket_options: {option} cannot be set: {error}") from error
