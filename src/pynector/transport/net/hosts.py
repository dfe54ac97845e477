"""What the host of a URL is to the resolver, to TLS, to other hosts, and to proxies."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, unquote

# What the name of a network interface may hold, decoded.
_ZONE = re.compile(r"[!-~]+")
_NOT_IN_ZONE = frozenset("%/?#@[]\\")


def resolvable(host: str) -> str:
    """Return the host of a URL as the resolver takes it: a zone stands decoded behind its percent sign (RFC 6874).

    Raises:
        ValueError: If it is an IPv6 address that cannot be one.
    """
    if ":" not in host:
        return host
    address, percent, zone = host.partition("%")
    if percent:
        # Without the 25 it is how it is written elsewhere.
        zone = unquote(zone[2:] if zone.startswith("25") and len(zone) > 2 else zone)
        if not _ZONE.fullmatch(zone) or not _NOT_IN_ZONE.isdisjoint(zone):
            raise ValueError("its zone is none")
    number = ipaddress.IPv6Address(address)
    # Python before 3.13 does not know this form (RFC 5952 section 5).
    written = str(number) if number.ipv4_mapped is None else f"::ffff:{number.ipv4_mapped}"
    return written + percent + zone


def in_url(host: str) -> str:
    """Return a host as it stands in a URL, the reverse of `resolvable`."""
    if ":" not in host:
        return host
    address, percent, zone = host.partition("%")
    return f"[{address}%25{quote(zone, safe='')}]" if percent else f"[{address}]"


def without_zone(host: str) -> str:
    """Return a host as others are told of it: a zone means something on this machine only (RFC 6874 section 4)."""
    return host.partition("%")[0]


def server_name(host: str) -> str:
    """Return a server's name as TLS has it: without a dot at its end (RFC 6066 section 3), and without a zone."""
    return without_zone(host).removesuffix(".")


def is_local(host: str) -> bool:
    """Say whether a host is this machine by its name: localhost, 127.0.0.0/8 or ::1."""
    name = server_name(host).lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)
