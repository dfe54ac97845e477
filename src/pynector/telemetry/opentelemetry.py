"""OpenTelemetry where a program has set it up. It is never imported here: who never did cannot have set it up."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def is_imported() -> bool:
    """Say whether the program has imported any of it. Most requests are asked no more than this."""
    return "opentelemetry" in sys.modules


def tracer_provider() -> Any | None:
    """Give the program's tracer provider, or None if there is none, or the caller asks for no instrumentation."""
    provider = _provider("opentelemetry.trace", "get_tracer_provider")
    return None if provider is None or _suppressed("_SUPPRESS_INSTRUMENTATION_KEY") else provider


def meter_provider() -> Any | None:
    """Give the program's meter provider, or None as above."""
    provider = _provider("opentelemetry.metrics", "get_meter_provider")
    return None if provider is None or _suppressed("_SUPPRESS_INSTRUMENTATION_KEY") else provider


def http_is_suppressed() -> bool:
    """Say whether the caller is inside suppress_http_instrumentation(): somebody else tells of HTTP."""
    return _suppressed("_SUPPRESS_HTTP_INSTRUMENTATION_KEY")


def context_to_pass() -> Any | None:
    """Return the caller's context, or None if there is nothing in it, or somebody else sees to what goes along."""
    contexts = sys.modules.get("opentelemetry.context")
    context = None if contexts is None else contexts.get_current()
    if not context or _suppressed("_SUPPRESS_INSTRUMENTATION_KEY") or http_is_suppressed():
        return None
    return context


def without_http_instrumentation(context: Any) -> Any:
    """Give a context in which other instrumentations do not tell of HTTP again."""
    contexts = import_module("opentelemetry.context")
    key = getattr(contexts, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None)
    return context if key is None else contexts.set_value(key, True, context)


def _provider(module_name: str, getter: str) -> Any | None:
    module = sys.modules.get(module_name)
    if module is None:
        return None
    provider = getattr(module, getter)()
    # Those of the API itself do nothing.
    return None if type(provider).__module__.startswith(module_name) else provider


def _suppressed(name: str) -> bool:
    contexts = sys.modules.get("opentelemetry.context")
    key = getattr(contexts, name, None)
    return key is not None and bool(contexts.get_value(key))  # type: ignore[union-attr]
