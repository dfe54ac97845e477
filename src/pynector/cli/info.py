"""`pynector info`: what a bug report should begin with."""

from __future__ import annotations

import asyncio
import importlib.util
import platform
from importlib.metadata import PackageNotFoundError, version

from .._speedups import COMPILED
from .._version import __version__
from ..errors import ConfigurationError
from ..transport.http.choosing import chosen_engine
from ..transport.http.options import HTTPOptions
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


def run(screen: Screen) -> int:
    """Print what is installed and which build runs; give the exit status."""
    facts = {
        "Pynector": __version__,
        "Build": build(),
        "Python": python(),
        "System": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Event loop": event_loop(),
        "HTTP engine": asyncio.run(http_engine()),
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


async def http_engine() -> str:
    """Name the engine that a client runs on, with the settings of the environment, and say why if it is another."""
    try:
        engine, reason = chosen_engine(HTTPOptions({}, "pynector"))
    except ConfigurationError as error:
        return f"none: {error}"
    return (found(engine) or engine) + (f": {reason}" if reason else "")


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


def has(name: str) -> bool:
    """Say whether a module is installed."""
    return importlib.util.find_spec(name) is not None
