"""The authority of a URL: its host and port."""

from __future__ import annotations

import re

import idna

from ...errors import ConfigurationError
from .hosts import resolvable

MOST_PORT = 65535
_NAME = re.compile(r"[a-z0-9_\-]{1,63}(?:\.[a-z0-9_\-]{1,63})*\.?")
# RFC 3986 section 3.2 without the user: an address in brackets, or a name; and a port.
_HOST_AND_PORT = re.compile(r"(?:\[([^\[\]]*:[^\[\]]*)\]|([^\[\]:]*))(?::([0-9]{0,9}))?")


def host_and_port(authority: str, where: str) -> tuple[str, int | None]:
    """Give the host and the port that an authority has (RFC 3986 section 3.2), its user left aside.

    Returns:
        The host as URL has it, "" for none; the port, None for none.

    Raises:
        ConfigurationError: If it is not valid.
    """
    found = _HOST_AND_PORT.fullmatch(authority.rpartition("@")[2])
    # What is wrong is not shown: it may be of a password where this is no authority.
    if found is None:
        raise ConfigurationError(f"{where} is not a valid URL: see its host and port")
    if int(found[3] or 0) > MOST_PORT:
        raise ConfigurationError(f"{where} is not a valid URL: the port of its host must be 1 to {MOST_PORT}")
    return _host(found[1] or found[2].lower(), where), int(found[3]) if found[3] else None


def names_host(authority: str) -> bool:
    """Say whether an authority is a host, perhaps with a user before it and a port behind it."""
    try:
        host, port = host_and_port(authority, "")
    except ConfigurationError:
        return False
    return host != "" and port != 0


def _host(host: str, where: str) -> str:
    try:
        if not host or ":" in host:
            return resolvable(host)
        name = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except (ValueError, idna.IDNAError) as error:
        raise ConfigurationError(f"{where}: {host!r} is not a valid host name: {error}") from None
    if _NAME.fullmatch(name) is None:
        raise ConfigurationError(f"{where}: {host!r} is not a valid host name")
    return name
