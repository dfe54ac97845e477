"""`pynector info`: what a bug report should begin with."""

from __future__ import annotations

import asyncio
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .._speedups import COMPILED
from .._version import __version__
from ..errors import ConfigurationError
from ..transport.http.choosing import chosen_engine
from ..transport.http.options import HTTPOptions
from .installed import has
from .screen import Screen

PACKAGES = (
    "anyio",
    "brotli",
    "h2",
    "httptools",
    "httpx",
    "httpx2",
    "isal",
    "ngh2",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "rich",
    "structlog",
    "trio",
    "uvloop",
    "websockets",
    "zstandard",
)
"""The packages that Pynector uses where they are installed."""


def run(screen: Screen, as_json: bool = False) -> int:
    """Print what is installed and which build runs; give the exit status."""
    engine, reason = asyncio.run(chosen())
    if as_json:
        print(json.dumps(figures(engine, reason), indent=1), flush=True)
        return 0
    facts = {
        "Pynector": __version__,
        "Build": build(),
        "Python": python(),
        "System": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Event loop": event_loop(),
        "HTTP engine": said_of_engine(engine, reason),
        "HTTP parser": found("httptools") or "none (httptools is not installed)",
        "HTTP/2": http2(),
    }
    for name, value in facts.items():
        screen.line(f"{name:<13} {value}")
    screen.line()
    screen.line("Packages")
    for name in PACKAGES:
        screen.line(f"  {name:<19} {installed_version(name) or 'not installed'}")
    return 0


def build() -> str:
    """Say which build of the hot path runs."""
    return "compiled" if COMPILED else "pure Python"


def python() -> str:
    """Name the interpreter."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def event_loop() -> str:
    """Name the event loop that the demo runs on."""
    return found("uvloop") or "asyncio without uvloop"


async def chosen() -> tuple[str | None, str | None]:
    """Return the engine that a client runs on with the settings of the environment, or None, and why no better one."""
    try:
        return chosen_engine(HTTPOptions({}, "pynector"))
    except ConfigurationError as error:
        return None, str(error)


def said_of_engine(engine: str | None, reason: str | None) -> str:
    """Name the engine, and say why if it is another than the native one."""
    return ("none" if engine is None else found(engine) or engine) + (f": {reason}" if reason else "")


def figures(engine: str | None, reason: str | None) -> dict[str, Any]:
    """Return the same for machines."""
    return {
        "pynector": __version__,
        "build": "compiled" if COMPILED else "pure",
        "python": python(),
        "system": {"name": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "event_loop": "uvloop" if has("uvloop") else "asyncio",
        "engine": engine,
        "engine_reason": reason,
        "http2": "native" if has("ngh2") and has("httptools") else "httpx" if has("h2") else None,
        "packages": {name: installed_version(name) for name in PACKAGES},
    }


def http2() -> str:
    """Say which engine speaks HTTP/2, and on what."""
    if has("ngh2") and has("httptools"):
        return f"native engine, {found('ngh2')} (through httpx: {found('h2') or 'not, h2 is not installed'})"
    if has("h2"):
        return f"httpx engine, {found('h2')} (native with ngh2 and httptools: pip install 'pynector[http2,speedups]')"
    return "none (pip install 'pynector[http2]')"


def found(name: str) -> str | None:
    """Give name and version of a package, or None if it is not installed."""
    number = installed_version(name)
    return None if number is None else f"{name} {number}"


def installed_version(name: str) -> str | None:
    """Give the version of a package, or None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
