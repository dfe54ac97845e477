"""URLs: parsed once, encoded for the wire (RFC 9112 section 3.2), named without what is secret."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit
from uuid import UUID

from ...errors import ConfigurationError
from ..net.authority import host_and_port
from ..net.hosts import in_url, without_zone

PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f]")
_CLEAN = re.compile(r"(?:[!$&'()*+,\-./0-9:;=?@A-Z_a-z~]|%[0-9A-Fa-f]{2})*")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Up to the last "@".
_USERINFO = re.compile(r"//.*@", re.DOTALL)
_AUTHORITY = re.compile(r"(?!(?:[^/]*:)?//)|(?:[^/]*:)?//(?:[^/:]*|\[[^/\]]*\])(?::\d*)?(?:/|\Z)", re.DOTALL)
# RFC 3986 appendix B: scheme, authority, path, query.
_REFERENCE = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?")
# Spaces before it are no reason to take it for a path.
_ABSOLUTE = re.compile(r" *[A-Za-z][A-Za-z0-9+.\-]*://")
_START = re.compile(r"[^/?]*://[^/?]*")
_SAFE = "!$%&'()*+,-./:;=?@_~"


class URL(NamedTuple):
    """Where a request goes.

    Attributes:
        scheme: "http" or "https".
        host: Name or address, in lower case, ASCII; an IPv6 address without brackets, perhaps with a zone.
        port: Port number.
        target: Path and query, percent-encoded, without the fragment.
        userinfo: "user:password", percent-decoded, or None.
    """

    scheme: str
    host: str
    port: int
    target: str
    userinfo: str | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host and, unless it is the scheme's own, port, as the Host header has them."""
        return in_url(without_zone(self.host)) + self._port

    @property
    def _port(self) -> str:
        return "" if self.port == PORTS[self.scheme] else f":{self.port}"

    @property
    def label(self) -> str:
        """The URL without user, query and fragment, for messages."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    def __str__(self) -> str:
        return f"{self.scheme}://{in_url(self.host)}{self._port}{self.target}"

    def __repr__(self) -> str:
        return f"<URL {self.label}>"


@lru_cache(maxsize=256)
@lru_cache(maxsize=1024)
def start_of(origin: tuple[str, str, int]) -> str:
    """Return what the URLs of an origin begin with, to the slash before the path."""
    scheme, host, port = origin
    return f"{scheme}://{URL(scheme, host, port, '').authority}/"


@lru_cache(maxsize=256)
def base_of(origin: tuple[str, str, int]) -> str:
    """Return a URL of an origin without its path."""
    return str(URL(*origin, ""))


@lru_cache(maxsize=1024)
def parse_url(text: str, where: str = "url") -> URL:
    """Parse an absolute http or https URL.

    Raises:
        ConfigurationError: If it is not one, has control characters, or spaces before its path.
    """
    refuse_controls(text, where)
    try:
        parts = urlsplit(text)
    except ValueError:
        # The error's own words may hold the user and the password.
        raise ConfigurationError(f"{where} is not a valid URL: see its host and port") from None
    # urlsplit takes away what is before the scheme.
    refuse_controls(text[:1] + parts.netloc, where, CONTROL_OR_SPACE)
    host, port = host_and_port(parts.netloc, where)
    scheme = parts.scheme.lower()
    if scheme not in PORTS or not host:
        shown = "" if "@" in text else f", not {without_secrets(text)!r}"
        raise ConfigurationError(f"{where} must start with http:// or https:// and name a host{shown}")
    if port == 0:
        raise ConfigurationError(f"{where} must not name port 0")
    target = encode_target(parts.path or "/", where)
    if "?" in text.partition("#")[0]:
        # An empty query is another URL than none (RFC 3986 section 6.2.3).
        target += "?" + encode_target(parts.query, where)
    userinfo = None
    if parts.username or parts.password:
        userinfo = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return URL(scheme, host, port or PORTS[scheme], target, userinfo)


def without_secrets(text: str) -> str:
    """Return a URL or a path, valid or not, without its user, query and fragment."""
    shown = _USERINFO.sub("//", text.partition("#")[0].partition("?")[0])
    # What stands in the place of a port may be the start of a password that ought to have been encoded.
    return shown if _AUTHORITY.match(shown) else "<not a valid URL>"


def is_absolute(text: str) -> bool:
    """Say whether text begins like an absolute URL."""
    return _ABSOLUTE.match(text) is not None


def join_path(base: URL, path: str, where: str = "path") -> URL:
    """Give the URL of a path, which may have a query of its own, below a base URL.

    Raises:
        ConfigurationError: If the path has control characters.
    """
    path = path.partition("#")[0]
    own, mark, query = path.partition("?")
    stem, _, base_query = base.target.partition("?")
    joined = stem.rstrip("/") + "/" + own.removeprefix("/") if own else stem
    queries = "&".join(part for part in (base_query, encode_target(query, where)) if part)
    target = encode_target(joined, where) + (f"?{queries}" if queries or mark else "")
    return base._replace(target=target)


def with_params(url: URL, params: list[tuple[str, str]]) -> URL:
    """Add query parameters to those the URL has."""
    if not params:
        return url
    joint = "" if url.target.endswith("?") else "&" if "?" in url.target else "?"
    return url._replace(target=f"{url.target}{joint}{urlencode(params, quote_via=quote)}")


def param_pairs(params: Any, where: str) -> list[tuple[str, str]]:
    """Give the pairs of a mapping (a value may be a list) or of an iterable of pairs.

    Numbers and UUIDs become their text, dates and times that of ISO 8601, True and False "true" and "false", None the
    empty text, and a member of an Enum what its value does.

    Raises:
        ConfigurationError: If it is neither, or a value is of another type.
    """
    if params is None:
        return []
    items = params.items() if isinstance(params, Mapping) else params
    pairs: list[tuple[str, str]] = []
    try:
        for name, value in items:
            values = value if isinstance(value, (list, tuple)) else (value,)
            pairs += [(_scalar(name, where), _scalar(item, where)) for item in values]
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(
            f"{where} must be a dict, or a list of (name, value) pairs, not {type(params).__name__}"
        ) from None
    return pairs


def merged_params(*sources: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Merge sources; a name in a later one replaces all of that name in the earlier ones."""
    merged: dict[str, list[tuple[str, str]]] = {}
    for source in sources:
        fresh: dict[str, list[tuple[str, str]]] = {}
        for name, value in source:
            fresh.setdefault(name, []).append((name, value))
        merged.update(fresh)
    return [pair for pairs in merged.values() for pair in pairs]


def resolve_location(base: URL, location: str) -> URL:
    """Give the URL that a Location header means (RFC 3986 section 5.2).

    Raises:
        ConfigurationError: If it is not an http or https URL.
    """
    # Servers do send spaces and raw UTF-8 here, and every browser encodes them.
    with contextlib.suppress(UnicodeError):
        location = location.encode("latin-1").decode()
    location = location.strip(" \t").replace("\t", "")
    found = _REFERENCE.match(location)
    scheme, authority, path, query = found.groups() if found is not None else (None, None, location, None)
    if authority is None and scheme is not None and scheme.lower() != base.scheme:
        raise ConfigurationError("Location must be an http or https URL, or relative to one")
    if authority is None:
        stem, mark, own = base.target.partition("?")
        if not path:
            path, query = stem, own if query is None and mark else query
        elif not path.startswith("/"):
            path = stem[: stem.rindex("/") + 1] + path
        start = str(base._replace(target=""))
    else:
        start = f"{scheme or base.scheme}://{authority}"
    return parse_url(start + _without_dots(path) + ("" if query is None else f"?{query}"), "Location")


def _without_dots(path: str) -> str:
    """Take out the segments "." and ".." of a path that is empty or begins with a slash (RFC 3986 section 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def encode_url(text: str, where: str) -> str:
    """Return an absolute URL without its fragment, percent-encoded in its path and query where that must be.

    Raises:
        ConfigurationError: If there are control characters.
    """
    refuse_controls(text, where)
    text = text.partition("#")[0]
    found = _START.match(text)
    size = found.end() if found is not None else 0
    return text[:size] + encode_target(text[size:], where)


def encode_target(text: str, where: str) -> str:
    """Percent-encode what may not stand in a request target; what is encoded already stays as it is.

    Raises:
        ConfigurationError: If there are control characters.
    """
    if _CLEAN.fullmatch(text):
        return text
    refuse_controls(text, where)
    try:
        return quote(_LONE_PERCENT.sub("%25", text), safe=_SAFE)
    except UnicodeEncodeError:
        raise ConfigurationError(f"{where} has a character that is not valid Unicode") from None


def refuse_controls(text: str, where: str, refused: re.Pattern[str] = _CONTROL) -> None:
    """Raise a ConfigurationError if there are control characters, or other `refused` ones."""
    found = refused.search(text)
    if found:
        raise ConfigurationError(
            f"{where} must not hold {found.group()!r} (at position {found.start()}): "
            "percent-encode it, for example with urllib.parse.quote"
        )


def _scalar(value: Any, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, Enum):
        return _scalar(value.value, where)
    if isinstance(value, bool) or _is_numpy_bool(value):
        return "true" if value else "false"
    if isinstance(value, str):
        text = str.__str__(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ConfigurationError(f"{where} has a character that is not valid Unicode") from None
        return text
    if isinstance(value, (Real, Decimal, UUID)):
        return str(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    raise ConfigurationError(
        f"{where}: a value must be str, a number, bool, None, a date, a time or a UUID, not {type(value).__name__}"
    )


def _is_numpy_bool(value: Any) -> bool:
    # Its numbers are registered with the ABCs of numbers, its bool is not.
    return type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_")
