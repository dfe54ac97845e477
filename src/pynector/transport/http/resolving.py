"""What the options `resolve` and `server_hostname` may be."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ...errors import ConfigurationError
from ..net.authority import host_and_port
from ..net.detours import Endpoint


def checked_resolve(value: Any, where: str) -> dict[Endpoint, Endpoint]:
    """Accept a dict of "host:port" to the address to connect to, with a port of its own or without.

    Raises:
        ConfigurationError: If it is none, or one of both is not valid.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{where} must be a dict such as {{'example.com:443': '192.0.2.1'}}, not {type(value).__name__}"
        )
    return dict(_detour(key, address, where) for key, address in value.items())


def checked_server_hostname(value: Any, where: str) -> str:
    """Accept the name or the address of a server."""
    host, port = _parsed(value, where)
    if not host or port is not None:
        raise ConfigurationError(f"{where} must be a name such as 'example.com', not {value!r}")
    return host


def _detour(key: Any, address: Any, where: str) -> tuple[Endpoint, Endpoint]:
    host, port = _parsed(key, f"{where}: {key!r}")
    if not host or not port:
        raise ConfigurationError(f"{where}: {key!r} must be a host and a port such as 'example.com:443'")
    to, own_port = _parsed(address, f"{where}: {key!r}")
    if not _is_address(to) or own_port == 0:
        raise ConfigurationError(
            f"{where}: {key!r} must lead to an address such as '192.0.2.1' or '[2001:db8::1]:8443', not {address!r}"
        )
    return (host, port), (to, own_port or port)


def _parsed(text: Any, where: str) -> tuple[str, int | None]:
    """Return a host and a port, None for none; an IPv6 address alone needs no brackets."""
    if not isinstance(text, str) or "@" in text:
        raise ConfigurationError(f"{where} must be a host or an address as str, not {text!r}")
    return host_and_port(f"[{text}]" if _is_address(text) and ":" in text else text, where)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
