"""The options of the WebSocket transport."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...config import (
    Setting,
    at_least,
    flag,
    nearest,
    optional,
    parse_flag,
    parse_float,
    parse_int,
    parse_text,
    positive_seconds,
    resolve,
    seconds,
    text,
)
from ...errors import ConfigurationError
from ...eventloop import ENDS
from ..http.headers import is_token
from ..http.resolving import checked_resolve, checked_server_hostname
from ..http.urls import encode_url
from ..json_text import Dumps, checked_dumps
from ..net.authority import host_and_port
from ..net.detours import Detours
from ..net.environment import NamedProxies
from ..net.hosts import resolvable
from ..net.proxies import Proxy, checked_proxy
from ..net.sockets import SocketOption, checked_socket_options
from ..net.tls import ClientTLS, checked_cert, checked_verify, parse_verify
from .correlation import ByFunctions, ById, Correlation, Fifo
from .credentials import Credentials, checked_auth, checked_headers
from .pending import Pending

# From one address to one port of another.
MOST_CONNECTIONS = 65535


def _url(value: Any, where: str) -> str:
    problem = ConfigurationError(f"{where} must be a URL such as wss://example.com/path, without user and fragment")
    if not isinstance(value, str) or value.startswith(" "):
        raise problem
    try:
        parts = urlsplit(value)
        encoded = encode_url(value, where)
    except ValueError:
        raise problem from None
    host, port = host_and_port(parts.netloc, where)
    fits = parts.scheme in ("ws", "wss") and host and port != 0 and parts.netloc.isascii()
    if not fits or parts.fragment or "@" in parts.netloc:
        raise problem
    return encoded


def _names(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{where} must be a list of names, not {value!r}")
    names = tuple(value)
    if not all(isinstance(name, str) and is_token(name) for name in names):
        raise ConfigurationError(f"{where} must be a list of tokens (RFC 9110 section 5.6.2), not {value!r}")
    return names


def _origin(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value or " " in value:
        raise ConfigurationError(f"{where} must be an origin such as https://example.com, not {value!r}")
    return value


def _compression(value: Any, where: str) -> Any:
    if value not in (None, "deflate"):
        raise ConfigurationError(f"{where} must be 'deflate' or None, not {value!r}")
    return value


def _correlation(value: Any, where: str) -> Any:
    pair = isinstance(value, tuple) and len(value) == 2 and all(map(callable, value))
    if pair and any(map(inspect.iscoroutinefunction, value)):
        raise ConfigurationError(f"{where} must be functions, and none of async def")
    if not pair and value not in ("fifo", "id"):
        raise ConfigurationError(
            f"{where} must be 'fifo', 'id', or a pair of functions (key of a request, key of a message), not {value!r}"
        )
    return value


def _callable(value: Any, where: str) -> Any:
    if not callable(value) or inspect.iscoroutinefunction(value):
        raise ConfigurationError(f"{where} must be a function, and none of async def, not {value!r}")
    return value


def _connections(value: Any, where: str) -> int:
    number: int = at_least(1)(value, where)
    if number > MOST_CONNECTIONS:
        raise ConfigurationError(f"{where} must be at most {MOST_CONNECTIONS}, which is all the ports of an address")
    return number


SETTINGS = (
    Setting("url", optional(_url), None, parse_text),
    Setting("correlation", _correlation, "fifo", parse_text),
    Setting("id_key", text, "id", parse_text),
    Setting("connections", _connections, 1, parse_int),
    Setting("max_in_flight", optional(at_least(1)), None, parse_int),
    Setting("open_timeout", optional(positive_seconds), 10.0, parse_float),
    Setting("ping_interval", optional(positive_seconds), 20.0, parse_float),
    Setting("ping_timeout", optional(positive_seconds), 20.0, parse_float),
    Setting("compression", _compression, None, parse_text),
    Setting("max_message_bytes", optional(at_least(1)), 64 * 1024 * 1024, parse_int),
    Setting("subprotocols", _names, ()),
    Setting("headers", checked_headers, ()),
    Setting("auth", checked_auth),
    Setting("origin", optional(_origin), None, parse_text),
    Setting("verify", checked_verify, True, parse_verify),
    Setting("cert", optional(checked_cert), None, parse_text),
    Setting("proxy", optional(checked_proxy), None),
    Setting("resolve", optional(checked_resolve), None),
    Setting("server_hostname", optional(checked_server_hostname), None, parse_text),
    Setting("socket_options", checked_socket_options, ()),
    Setting("trust_env", flag, True, parse_flag),
    Setting("max_reconnects", at_least(0), 5, parse_int),
    Setting("reconnect_delay", seconds, 0.5, parse_float),
    Setting("on_message", optional(_callable), None),
    Setting("idempotent", flag, False, parse_flag),
    Setting("as_response", flag, False, parse_flag),
    Setting("json_dumps", checked_dumps),
)
"""Times are in seconds; the last three may be given with a request, too."""

OPTION_NAMES = frozenset(setting.name for setting in SETTINGS)
REQUEST_OPTIONS = ("as_response", "idempotent", "json_dumps", "one_way")


class WebSocketOptions:
    """The checked options of one transport.

    Args:
        given: Options by name; the others come from the environment or are defaults.

    Raises:
        ConfigurationError: If a value is not valid, or there is no `url`.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        values = resolve(SETTINGS, given)
        if values["url"] is None:
            raise ConfigurationError("the websocket transport needs url, such as wss://example.com/path")
        self.url: str = values["url"]
        self.correlation = _made(values["correlation"], values["id_key"])
        self.connections: int = values["connections"]
        self.max_in_flight: int | None = values["max_in_flight"]
        self.open_timeout: float | None = values["open_timeout"]
        self.ping_interval: float | None = values["ping_interval"]
        self.ping_timeout: float | None = values["ping_timeout"]
        self.compression: str | None = values["compression"]
        self.max_message_bytes: int | None = values["max_message_bytes"]
        self.subprotocols: tuple[str, ...] = values["subprotocols"]
        self.credentials = Credentials(values["headers"], values["auth"], self.url)
        self.origin: str | None = values["origin"]
        self.tls = ClientTLS(values["verify"], values["cert"], trust_env=values["trust_env"])
        self.socket_options: tuple[SocketOption, ...] = values["socket_options"]
        self.proxy: Proxy | None = values["proxy"]
        if self.proxy is not None and values["resolve"] is not None:
            raise ConfigurationError("proxy and resolve exclude each other")
        self.detours = Detours(values["resolve"] or {}, values["server_hostname"])
        origin = origin_of(self.url)
        if self.proxy is None and values["trust_env"] and origin[1:] not in self.detours.addresses:
            self.proxy = NamedProxies().proxy_for(*origin)
        self.max_reconnects: int = values["max_reconnects"]
        self.reconnect_delay: float = values["reconnect_delay"]
        self.on_message: Callable[..., Any] | None = values["on_message"]
        self.as_response: bool = values["as_response"]
        self.idempotent: bool = values["idempotent"]
        self.json_dumps: Dumps | None = values["json_dumps"]

    def for_request(self, options: Mapping[str, Any]) -> tuple[tuple[bool, bool, bool], Dumps | None]:
        """Give as_response, idempotent and one_way of a request, and its json_dumps.

        Raises:
            ConfigurationError: If there is another option, or a value is not valid.
        """
        for name in options:
            if name not in REQUEST_OPTIONS:
                hint = "it is an option of the client: Pynector(...)"
                if name not in OPTION_NAMES:
                    hint = nearest(name, {"timeout", *REQUEST_OPTIONS})
                raise ConfigurationError(f"a websocket request has no option {name!r}: {hint}")
        flags = (
            flag(options.get("as_response", self.as_response), "as_response"),
            flag(options.get("idempotent", self.idempotent), "idempotent"),
            flag(options.get("one_way", False), "one_way"),
        )
        return flags, checked_dumps(options.get("json_dumps", self.json_dumps), "json_dumps")

    def prepare(self, pending: Pending, data: Any, options: Mapping[str, Any]) -> None:
        """Give a request its message and its settings.

        Raises:
            ConfigurationError: If they are not valid.
        """
        dumps = self.json_dumps
        if options:
            flags, dumps = self.for_request(options)
            pending.as_response, pending.idempotent, pending.one_way = flags
        try:
            payload, is_text, key = self.correlation.encode(data, pending.one_way, dumps)
        except (ConfigurationError, *ENDS):
            raise
        except BaseException as error:
            raise ConfigurationError(f"the message cannot be sent: {type(error).__name__}") from error
        pending.payload, pending.is_text, pending.key = payload, is_text, key


def origin_of(url: str) -> tuple[str, str, int]:
    """Give the scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, resolvable(parts.hostname or ""), parts.port or (443 if parts.scheme == "wss" else 80)


def _made(correlation: Any, id_key: str) -> Correlation:
    if correlation == "fifo":
        return Fifo()
    return ById(id_key) if correlation == "id" else ByFunctions(*correlation)
