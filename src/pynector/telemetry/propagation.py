"""To whom trace context and baggage go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from ..transport.contract import Target

_PORTS = {"http": 80, "https": 443}

# The fields that tell which trace it is, and those that say more of it: with another's trace these do not go along
# (W3C Trace Context section 3.3; B3).
_TOLD_TOGETHER = {
    "traceparent": ("tracestate",),
    "x-b3-traceid": ("x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"),
}


class Propagation:
    """A rule to whom trace context and baggage go.

    Args:
        origins: Scheme, host and port of those it goes to; None: everybody.
    """

    def __init__(self, origins: frozenset[tuple[str, str, int]] | None) -> None:
        self._origins = origins

    @property
    def is_off(self) -> bool:
        """Whether it goes to nobody."""
        return self._origins == frozenset()

    def allows(self, target: Target) -> bool:
        """Return whether it goes to whom a request goes to."""
        return self._origins is None or (target.scheme, target.host, target.port) in self._origins

    def chosen(self, pairs: list[tuple[str, str]], headers: Sequence[tuple[str, str | None]]) -> list[tuple[str, str]]:
        """Return those of the propagator's header fields that go with a request.

        Args:
            pairs: What the propagator gave.
            headers: The header fields that the request has already; these stay as they are.
        """
        taken = {name.lower() for name, _ in headers}
        for name, others in _TOLD_TOGETHER.items():
            if name in taken:
                taken.update(others)
        return [pair for pair in pairs if pair[0].lower() not in taken]


def injected(context: Any) -> list[tuple[str, str]]:
    """Return the header fields that the program's global propagator makes of a context; None: there are none."""
    if context is None:
        return []
    if "opentelemetry.propagate" not in sys.modules:
        import_module("opentelemetry.propagate")
    carrier: dict[str, str] = {}
    sys.modules["opentelemetry.propagate"].inject(carrier, context)
    return [pair for pair in carrier.items() if _is_field(*pair)]


def _is_field(name: str, value: str) -> bool:
    # A propagator of the program's own may give anything, and a line break would begin another field.
    return (
        name.isascii() and name.replace("-", "").replace("_", "").isalnum() and value.isascii() and value.isprintable()
    )


def propagation(value: Any, where: str) -> Propagation:
    """Accept "all", "none", or a list of origins such as "https://api.example.com".

    Raises:
        ConfigurationError: If it is none of these.
    """
    if value == "all":
        return Propagation(None)
    if value == "none":
        return Propagation(frozenset())
    if isinstance(value, str) or not isinstance(value, (list, tuple, set, frozenset)):
        raise ConfigurationError(f"{where} must be 'all', 'none' or a list of origins, not {value!r}")
    return Propagation(frozenset(_origin(text, where) for text in value))


def valid_propagation(value: Any, where: str) -> Any:
    """Accept what `propagation` accepts, and give it back."""
    propagation(value, where)
    return value


def parse_propagation(text: str, where: str) -> Any:
    """Parse the text of a variable: "all", "none", or origins with commas between them."""
    return text if text in ("all", "none") else [part.strip() for part in text.split(",")]


def _origin(text: Any, where: str) -> tuple[str, str, int]:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except (AttributeError, TypeError, ValueError):
        raise _no_origin(where) from None
    if scheme not in _PORTS or not host or parts.path.strip("/") or parts.query or parts.username is not None:
        raise _no_origin(where)
    return scheme, host, port or _PORTS[scheme]


def _no_origin(where: str) -> ConfigurationError:
    # Not what was given, which may hold a password.
    return ConfigurationError(f"{where}: an origin is a scheme, a host and perhaps a port: 'https://api.example.com'")
