"""URLs: parsed, joined and resolved as RFC 3986 has it."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from pynector import ConfigurationError
from pynector.transport.http.urls import URL, join_path, parse_url, resolve_location, without_secrets

from .source import Source, flag

TOKENS = [
    b"http://",
    b"https://",
    b"HTTP:",
    b"//",
    b"/",
    b"..",
    b"./",
    b"?",
    b"#",
    b"@",
    b":",
    b":80",
    b"[::1]",
    b"[fe80::1%25e]",
    b"%",
    b"%2e",
    b"\\",
    b" ",
    b"\t",
    b"\r\n",
    b"\0",
    b";",
    b"a",
    b"host",
    b"xn--",
    b"\xc3\xa9",
    b"\xe4\xb8\xad",
    b"\xff",
]
BASES = ["http://base/", "http://base/a//b/./c;d?q=1", "https://[::1]:81?x"]

# RFC 3986 appendix B, but with the scheme of section 3.1.
PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
TARGET = re.compile(r"/(?:[!$&'()*+,\-./0-9:;=?@A-Z_a-z~]|%[0-9A-Fa-f]{2})*")
NAME = re.compile(r"[a-z0-9_\-]{1,63}(\.[a-z0-9_\-]{1,63})*\.?")
AUTHORITY = re.compile(r"(?:.*@)?(\[[^\[\]]*\]|[^\[\]:@]*)(?::([0-9]*))?", re.DOTALL)


class Parts(NamedTuple):
    """The components of a reference (RFC 3986 section 3), without the fragment; None for one that is not there."""

    scheme: str | None
    authority: str | None
    path: str
    query: str | None


def check(source: Source) -> None:
    """Raise if a URL is not what it says, or a reference does not lead where it must."""
    reads_a_url, base = flag(source), BASES[source.number(len(BASES) - 1)]
    text = source.wire(TOKENS).decode(errors="surrogateescape")
    shown = without_secrets(text)
    assert not {"?", "#"} & set(shown), (text, shown)
    assert "@" not in shown.partition("//")[2], (text, shown)
    if reads_a_url:
        check_url(text)
    else:
        check_reference(base, text)
        check_path(base, text)


def check_url(text: str) -> None:
    """Raise unless a text is refused or is the URL that it says."""
    try:
        url = parse_url(text)
    except ConfigurationError:
        assert not is_ordinary(text), f"{text!r} was refused"
        return
    means(url, parts_of(text), text)
    if re.fullmatch(r"[^%]+(%[0-9A-Za-z._~\-]+)?", url.host):
        # Python's urlsplit takes no zone that has to be encoded.
        assert parse_url(str(url)) == url._replace(userinfo=None), text
    assert "@" not in str(url).partition("://")[2].partition("/")[0]


def means(url: URL, parts: Parts, text: str) -> None:
    """Raise unless a URL is made of these parts."""
    assert (parts.scheme or "").lower() == url.scheme, (text, url)
    host, port = host_of(parts.authority or "")
    assert host is None or host == url.host, (text, url)
    assert (port or {"http": 80, "https": 443}[url.scheme]) == url.port, (text, url)
    assert TARGET.fullmatch(url.target), (text, url)
    path, mark, query = url.target.partition("?")
    assert unquote_to_bytes(path) == unquote_to_bytes(_utf8(parts.path or "/")), (text, url)
    assert bool(mark) is (parts.query is not None), (text, url)
    assert unquote_to_bytes(query) == unquote_to_bytes(_utf8(parts.query or "")), (text, url)
    assert re.fullmatch(r"[0-9a-z._\-]+|[0-9a-f:.]+(%[!-~]+)?", url.host), (text, url)


def host_of(authority: str) -> tuple[str | None, int | None]:
    """Give host and port; None for a host that is not ASCII, which IDNA has its own words for."""
    found = AUTHORITY.fullmatch(authority)
    assert found is not None, f"no authority: {authority!r}"
    host = found[1]
    if host.startswith("["):
        address, percent, zone = host[1:-1].partition("%")
        zone = unquote(zone[2:] if zone.startswith("25") and len(zone) > 2 else zone)
        return str(ipaddress.IPv6Address(address)) + percent + zone, int(found[2] or 0) or None
    return host.lower() if host.isascii() else None, int(found[2] or 0) or None


def is_ordinary(text: str) -> bool:
    """Say whether nobody could refuse a text."""
    return re.fullmatch(r"https?://[a-z0-9]{1,9}(\.[a-z0-9]{1,9}){0,3}(:[1-9]\d{0,3})?(/[ -~]*)?", text) is not None


def parts_of(text: str) -> Parts:
    """Give the components of a text."""
    found = PARTS.fullmatch(text)
    assert found is not None
    return Parts(*found.groups()[:4])


# References


def check_reference(base: str, text: str) -> None:
    """Raise unless a Location header leads where RFC 3986 section 5.2 says, or is refused because that is no URL."""
    scheme, authority, path, query = resolved = resolve(parts_of(base), parts_of(as_sent(text)))
    try:
        url = resolve_location(parse_url(base), text)
    except ConfigurationError:
        assert not is_ordinary(f"{scheme}://{authority}{path or '/'}?{query or ''}"), f"{text!r} was refused"
    else:
        means(url, resolved, f"{text!r} at {base}")


def as_sent(text: str) -> str:
    """Give a Location as every browser reads it: UTF-8, without tabs, and with spaces encoded."""
    with contextlib.suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    return text.strip(" \t").replace("\t", "").replace(" ", "%20")


def resolve(base: Parts, reference: Parts) -> Parts:
    """See RFC 3986 section 5.2.2, where it is not strict."""
    scheme, authority, path, query = reference
    if scheme is not None and scheme.lower() == base.scheme and authority is None:
        scheme = None
    if scheme is not None or authority is not None:
        return Parts(scheme or base.scheme, authority, remove_dot_segments(path), query)
    if path == "":
        return base._replace(path=remove_dot_segments(base.path), query=base.query if query is None else query)
    if not path.startswith("/"):
        path = base.path[: base.path.rfind("/") + 1] + path if base.path else "/" + path
    return base._replace(path=remove_dot_segments(path), query=query)


def remove_dot_segments(path: str) -> str:
    """See RFC 3986 section 5.2.4, step by step."""
    output = ""
    while path:
        if path.startswith(("../", "./")):
            path = path[path.index("/") + 1 :]
        elif path.startswith("/./") or path == "/.":
            path = "/" + path[3:]
        elif path.startswith("/../") or path == "/..":
            path, output = "/" + path[4:], output[: max(0, output.rfind("/"))]
        elif path in (".", ".."):
            path = ""
        else:
            end = path.find("/", 1)
            end = len(path) if end < 0 else end
            output, path = output + path[:end], path[end:]
    return output


# Paths below a base


def check_path(base: str, text: str) -> None:
    """Raise unless a path is refused or comes behind the base's own, with both queries."""
    below = parse_url(base)
    try:
        url = join_path(below, text)
    except ConfigurationError:
        assert re.search(r"[\0-\x1f\x7f\ud800-\udfff]", text), text
        return
    assert url[:3] == below[:3]
    path, mark, query = text.partition("#")[0].partition("?")
    stem, _, own = below.target.partition("?")
    expected = stem.rstrip("/") + "/" + path.removeprefix("/") if path else stem
    seen, seen_mark, seen_query = url.target.partition("?")
    assert TARGET.fullmatch(url.target), (base, text, url)
    assert unquote_to_bytes(seen) == unquote_to_bytes(_utf8(expected)), (base, text, url)
    wanted = "&".join(part for part in (own, query) if part)
    assert unquote_to_bytes(seen_query) == unquote_to_bytes(_utf8(wanted)), (base, text, url)
    assert bool(seen_mark) is bool(mark or own), (base, text, url)


def _utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
