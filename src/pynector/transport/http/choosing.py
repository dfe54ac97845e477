"""Which engine a client runs on, and why it is not the native one."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import NamedTuple

from ...errors import ConfigurationError
from .options import HTTPOptions

# Those that run where the native one cannot, and what each is made of; the first one is taken that is there.
OTHERS = {"httpx2": ("httpx2", "httpcore2"), "httpx": ("httpx", "httpcore")}


class Choice(NamedTuple):
    """What was chosen.

    Attributes:
        engine: "native", "httpx" or "httpx2".
        reason: Why it is not the native one, where that would be taken if it could; else None.
    """

    engine: str
    reason: str | None = None


def chosen_engine(options: HTTPOptions) -> Choice:
    """Choose the engine of a client on the running event loop.

    Raises:
        ConfigurationError: If the one that is asked for is not possible; it says how to make it so.
    """
    wanted = options.http_engine
    obstacle = obstacle_to_other(wanted) if wanted in OTHERS else obstacle_to_native(options)
    if obstacle is None:
        return Choice("native" if wanted == "auto" else wanted)
    if wanted != "auto":
        raise ConfigurationError(f"http_engine={wanted!r} is not possible: {obstacle}")
    for name in OTHERS:
        if obstacle_to_other(name) is None:
            return Choice(name, obstacle)
    raise ConfigurationError(f"there is no HTTP engine: {obstacle}, and neither httpx2 nor httpx is installed")


def obstacle_to_native(options: HTTPOptions) -> str | None:
    """Say what keeps the native engine from doing this work, or None if nothing does."""
    if find_spec("httptools") is None:
        return "httptools is not installed (pip install 'pynector[speedups]')"
    if options.http2 and find_spec("ngh2") is None:
        return "ngh2 is not installed, which http2 needs (pip install 'pynector[http2]')"
    return None


def obstacle_to_other(name: str) -> str | None:
    """Say what keeps the engine over httpx, or over httpx2, from running, or None if nothing does."""
    if name == "httpx2" and sys.version_info < (3, 11):
        return f"httpx2 needs Python 3.11 or later, and this is {sys.version_info[0]}.{sys.version_info[1]}"
    if any(find_spec(module) is None for module in OTHERS[name]):
        return f"{name} is not installed (pip install 'pynector[{name}]')"
    return None
