"""The names of OpenTelemetry's stable semantic conventions for HTTP clients, and how their values are made.

https://opentelemetry.io/docs/specs/semconv/http/http-spans and http-metrics
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..transport.contract import Target

KNOWN_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})

# Another list of them, which takes the place of the above.
KNOWN_METHODS_VARIABLE = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


def span_name(method: str, methods: frozenset[str]) -> str:
    """Give the name of a CLIENT span: the method, never the path, of which there are too many."""
    return method if method in methods else "HTTP"


def metric_attributes(method: str, target: Target, methods: frozenset[str]) -> dict[str, Any]:
    """Give what is known of a request before it is sent, as the metrics have it."""
    return {
        "http.request.method": method if method in methods else "_OTHER",
        "server.address": target.host,
        "server.port": target.port,
        "url.scheme": target.scheme,
    }


def span_attributes(method: str, target: Target, resends: int, methods: frozenset[str]) -> dict[str, Any]:
    """Give what is known of a request before it is sent, as its CLIENT span has it, so that samplers see it."""
    attributes = {
        "http.request.method": method,
        "server.address": target.host,
        "server.port": target.port,
        "url.full": redacted(str(target)),
    }
    if method not in methods:
        attributes["http.request.method"] = "_OTHER"
        attributes["http.request.method_original"] = method
    if resends:
        attributes["http.request.resend_count"] = resends
    return attributes


def redacted(url: str) -> str:
    """Give a URL whose query has its names but not its values, which may be secret."""
    place, mark, query = url.partition("?")
    if not mark:
        return place
    names = (part.partition("=")[0] if "=" in part else "" for part in query.split("&"))
    return place + mark + "&".join(f"{name}=REDACTED" if name else "REDACTED" for name in names)


def version_number(http_version: str) -> str:
    """Give "1.1" for "HTTP/1.1", and so on."""
    return http_version.partition("/")[2]


def error_type(error: BaseException) -> str:
    """Give the name of an error's class as its users import it: its text may hold what is secret."""
    kind = type(error)
    try:
        status = getattr(error, "status_code", None)
    except Exception:
        # A property of somebody's own.
        status = None
    if isinstance(status, int):
        return str(status)
    module = kind.__module__
    return f"pynector.{kind.__qualname__}" if module == "pynector.errors" else f"{module}.{kind.__qualname__}"


def known_methods() -> frozenset[str]:
    """Give the methods that may stand in names and metrics."""
    return _methods_of(os.environ.get(KNOWN_METHODS_VARIABLE))


@lru_cache(maxsize=8)
def _methods_of(variable: str | None) -> frozenset[str]:
    if not variable:
        return KNOWN_METHODS
    return frozenset(name.strip() for name in variable.split(",") if name.strip())
