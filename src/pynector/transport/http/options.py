"""The options of the HTTP transport: those of the client, and those a request may give anew."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ...config import (
    Setting,
    anything,
    at_least,
    flag,
    optional,
    parse_flag,
    parse_float,
    parse_int,
    parse_text,
    positive_seconds,
    resolve,
    text,
)
from ...errors import ConfigurationError
from ..json_text import Dumps, checked_dumps
from ..net.detours import Detours
from ..net.proxies import Proxy, checked_proxy
from ..net.sockets import SocketOption, checked_socket_options
from ..net.tls import ClientTLS, checked_cert, checked_verify, parse_verify
from .decoding import ACCEPT_ENCODING
from .headers import Pair, header_pairs, is_token, merged_headers
from .resolving import checked_resolve, checked_server_hostname
from .urls import URL, param_pairs, parse_url

ENGINES = ("auto", "native", "httpx", "httpx2")


def _engine(value: Any, where: str) -> str:
    if value not in ENGINES:
        raise ConfigurationError(f"{where} must be one of {', '.join(ENGINES)}, not {value!r}")
    return str(value)


def _http2(value: Any, where: str) -> bool | str:
    if isinstance(value, bool) or value == "only":
        return value if isinstance(value, bool) else "only"
    raise ConfigurationError(f"{where} must be True, False or 'only', not {value!r}")


def _parse_http2(text: str, where: str) -> Any:
    return text if text == "only" else parse_flag(text, where)


def _names(value: Any, where: str) -> tuple[str, ...]:
    names = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (None,)
    if not all(isinstance(name, str) and is_token(name) for name in names):
        raise ConfigurationError(f"{where} must be a list of header names, not {value!r}")
    return tuple(name.lower() for name in names)


REQUEST_SETTINGS = (
    Setting("as_response", flag, False, parse_flag),
    Setting("raise_for_status", flag, True, parse_flag),
    Setting("follow_redirects", flag, True, parse_flag),
    Setting("max_redirects", at_least(0), 20, parse_int),
    Setting("max_response_bytes", optional(at_least(0)), None, parse_int),
    Setting("json_dumps", checked_dumps),
)
"""What the client sets and a request may set anew: give a `Response` instead of its body; raise HTTPStatusError for 400
and above; follow redirects, and how many; the most bytes a decoded body may have (None: any number); what encodes JSON
(None: Pynector)."""

CLIENT_SETTINGS = (
    Setting("base_url", optional(text), None, parse_text),
    Setting("headers", anything),
    Setting("params", anything),
    Setting("cookies", anything),
    Setting("auth", anything),
    Setting("http_engine", _engine, "auto", parse_text),
    Setting("http2", _http2, False, _parse_http2),
    Setting("max_streams", optional(at_least(1)), None, parse_int),
    Setting("ping_interval", optional(positive_seconds), 20.0, parse_float),
    Setting("ping_timeout", optional(positive_seconds), 20.0, parse_float),
    Setting("verify", checked_verify, True, parse_verify),
    Setting("cert", optional(checked_cert), None, parse_text),
    Setting("max_connections", optional(at_least(1)), None, parse_int),
    Setting("max_connections_per_origin", optional(at_least(1)), None, parse_int),
    Setting("max_keepalive", optional(at_least(0)), None, parse_int),
    Setting("keepalive_expiry", positive_seconds, 5.0, parse_float),
    Setting("redirect_headers", _names, ()),
    Setting("proxy", optional(checked_proxy), None),
    Setting("trust_env", flag, True, parse_flag),
    Setting("uds", optional(text), None, parse_text),
    Setting("resolve", optional(checked_resolve), None),
    Setting("server_hostname", optional(checked_server_hostname), None, parse_text),
    Setting("socket_options", checked_socket_options, ()),
    Setting("persist_cookies", flag, False, parse_flag),
)
"""What only the client sets. max_connections and max_keepalive count connections (None: as many as max_connections);
keepalive_expiry, ping_interval and ping_timeout are in seconds."""

OPTION_NAMES = frozenset(setting.name for setting in (*REQUEST_SETTINGS, *CLIENT_SETTINGS))


# How many connections a client that does not say may have at least; it may have as many as its largest window.
LEAST = 100


def most_connections() -> int:
    """Return how many connections there may be of a client that does not say: well below the limit of descriptors."""
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except (ImportError, OSError, ValueError):
        return 1 << 9
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft * 3 // 4)


class HTTPOptions:
    """The checked options of one transport.

    Args:
        given: Options by name; the others come from the environment or are defaults.
        user_agent: The User-Agent to send where no header says another.

    Raises:
        ConfigurationError: If a value is not valid.
    """

    def __init__(self, given: Mapping[str, Any], user_agent: str) -> None:
        values = resolve(CLIENT_SETTINGS, given)
        self.per_request: dict[str, Any] = resolve(REQUEST_SETTINGS, given)
        self.base: URL | None = None
        if values["base_url"] is not None:
            self.base = parse_url(values["base_url"], "base_url")
        own = header_pairs(values["headers"], "headers")
        self._says_coding = any(name.lower() == "accept-encoding" for name, _ in own)
        self._asks_for_part = False
        self.header_pairs = merged_headers(
            [("User-Agent", user_agent), ("Accept", "*/*"), ("Accept-Encoding", ACCEPT_ENCODING)],
            self.coding(own),
            own,
        )
        self._asks_for_part = any(name.lower() == "range" for name, _ in self.header_pairs)
        self.param_pairs = param_pairs(values["params"], "params")
        cookies = values["cookies"]
        # A copy, as of header fields and parameters; what is no mapping is refused with the first request.
        self.cookies: Any = dict(cookies) if isinstance(cookies, Mapping) else cookies
        self.auth: Any = values["auth"]
        self.http_engine: str = values["http_engine"]
        self.http2: bool | str = values["http2"]
        self.max_streams: int | None = values["max_streams"]
        self.ping_interval: float | None = values["ping_interval"]
        self.ping_timeout: float | None = values["ping_timeout"]
        self.max_connections: int | None = values["max_connections"]
        self.max_connections_per_origin: int | None = values["max_connections_per_origin"]
        self.max_keepalive: int | None = values["max_keepalive"]
        self.keepalive_expiry: float = values["keepalive_expiry"]
        self.redirect_headers: tuple[str, ...] = values["redirect_headers"]
        self.proxy: Proxy | None = values["proxy"]
        self.trust_env: bool = values["trust_env"]
        self.uds: str | None = values["uds"]
        self.socket_options: tuple[SocketOption, ...] = values["socket_options"]
        self.detours = Detours(values["resolve"] or {}, values["server_hostname"])
        self.persist_cookies: bool = values["persist_cookies"]
        alpn = ("h2",) if self.http2 == "only" else ("h2", "http/1.1") if self.http2 else ("http/1.1",)
        self.tls = ClientTLS(values["verify"], values["cert"], alpn, self.trust_env)
        where = [name for name in ("uds", "proxy", "resolve") if values[name] is not None]
        if len(where) > 1:
            raise ConfigurationError(f"{where[0]} and {where[1]} exclude each other")

    def coding(self, own: list[tuple[str, str | None]]) -> list[Pair]:
        """Return the Accept-Encoding of a request with headers of its own, where it is not the client's.

        A part of a coded body cannot be decoded, so with a Range none is asked for, unless the user says otherwise.
        """
        ranges = [value for name, value in own if name.lower() == "range"]
        asks_for_part = ranges[-1] is not None if ranges else self._asks_for_part
        if asks_for_part is self._asks_for_part or self._says_coding:
            return []
        return [("Accept-Encoding", "identity" if asks_for_part else ACCEPT_ENCODING)]

    def auth_for(self, url: URL) -> Any:
        """Return the client's `auth` for a URL: where there is a base URL, it belongs to that one's origin."""
        return self.auth if self.base is None or url.origin == self.base.origin else None

    def dumps_for(self, options: Mapping[str, Any]) -> Dumps | None:
        """Return what encodes the JSON of a request with these options.

        Raises:
            ConfigurationError: If it is not valid.
        """
        if "json_dumps" in options:
            return checked_dumps(options["json_dumps"], "json_dumps")
        dumps: Dumps | None = self.per_request["json_dumps"]
        return dumps

    def for_request(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the settings that hold for a request with these options.

        Raises:
            ConfigurationError: If a value is not valid.
        """
        if not options:
            return self.per_request
        return {
            setting.name: setting.check(options[setting.name], setting.name)
            if setting.name in options
            else self.per_request[setting.name]
            for setting in REQUEST_SETTINGS
        }
