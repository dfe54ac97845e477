"""URLs: parsed once, encoded for the wire (RFC 9112 section 3.2), named without what is secret."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

import idna

from ...errors import ConfigurationError
from ..hosts import in_url, resolvable, without_zone

PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f]")
_CLEAN = re.compile(r"(?:[!$&'()*+,\-./0-9:;=?@A-Z_a-z~]|%[0-9A-Fa-f]{2})*")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"[a-z0-9_\-]{1,63}(?:\.[a-z0-9_\-]{1,63})*\.?")
# Up to the last "@".
_USERINFO = re.compile(r"//.*@", re.DOTALL)
_AUTHORITY = re.compile(r"(?!(?:[^/]*:)?//)|(?:[^/]*:)?//(?:[^/:]*|\[[^/\]]*\])(?::\d*)?(?:/|\Z)", re.DOTALL)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
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


@lru_cache(maxsize=1024)
def parse_url(text: str, where: str = "url") -> URL:
    """Parse an absolute http or https URL.

    Raises:
        ConfigurationError: If it is not one, or has spaces or control characters.
    """
    refuse_controls(text, where)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # The error's own words may hold the user and the password.
        raise ConfigurationError(f"{where} is not a valid URL: see its host and port") from None
    if parts.scheme.lower() not in PORTS or not parts.hostname:
        raise ConfigurationError(f"{where} must start with http:// or https:// and name a host")
    if port == 0:
        raise ConfigurationError(f"{where} must not name port 0")
    scheme = parts.scheme.lower()
    target = encode_target(parts.path or "/", where)
    if parts.query:
        target += "?" + encode_target(parts.query, where)
    userinfo = None
    if parts.username is not None:
        userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return URL(scheme, _host(parts.hostname, where), port or PORTS[scheme], target, userinfo)


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
        ConfigurationError: If the path has spaces or control characters.
    """
    path = path.partition("#")[0]
    own, mark, query = path.partition("?")
    stem, _, base_query = base.target.partition("?")
    joined = stem.rstrip("/") + "/" + own.removeprefix("/") if own else stem
    queries = "&".join(part for part in (base_query, encode_target(query, where)) if part)
    # An empty query is another URL than none (RFC 3986 section 6.2.3).
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

    Numbers become decimal text, True and False "true" and "false", None the empty text.

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
    """Give the URL that a Location header means.

    Raises:
        ConfigurationError: If it is not an http or https URL.
    """
    # Servers do send spaces and raw UTF-8 here, and every browser encodes them.
    with contextlib.suppress(UnicodeDecodeError):
        location = location.encode("latin-1").decode()
    try:
        absolute = urljoin(str(base), location.strip(" \t")).replace(" ", "%20")
    except ValueError:
        raise ConfigurationError("Location is not a valid URL") from None
    return parse_url(absolute, "Location")


def encode_target(text: str, where: str) -> str:
    """Percent-encode what may not stand in a request target; what is encoded already stays as it is.

    Raises:
        ConfigurationError: If there are spaces or control characters.
    """
    if _CLEAN.fullmatch(text):
        return text
    refuse_controls(text, where)
    try:
        return quote(_LONE_PERCENT.sub("%25", text), safe=_SAFE)
    except UnicodeEncodeError:
        raise ConfigurationError(f"{where} has a character that is not valid Unicode") from None


def refuse_controls(text: str, where: str) -> None:
    """Raise a ConfigurationError if there are spaces or control characters."""
    found = _FORBIDDEN.search(text)
    if found:
        raise ConfigurationError(
            f"{where} must not hold {found.group()!r} (at position {found.start()}): "
            "percent-encode it, for example with urllib.parse.quote"
        )


def _host(host: str, where: str) -> str:
    try:
        if ":" in host:
            return resolvable(host)
        name = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except (ValueError, idna.IDNAError) as error:
        raise ConfigurationError(f"{where}: {host!r} is not a valid host name: {error}") from None
    if _NAME.fullmatch(name) is None:
        raise ConfigurationError(f"{where}: {host!r} is not a valid host name")
    return name


def _scalar(value: Any, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ConfigurationError(f"{where} has a character that is not valid Unicode") from None
        return text
    raise ConfigurationError(f"{where}: a value must be str, int, float, bool or None, not {type(value).__name__}")
