"""The recording server, as the shows see it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple


class Arrival(NamedTuple):
    """A request, as the server saw it.

    Attributes:
        at: When it came, in seconds.
        address: Where.
        path: For what.
        status: What it was, or would be, answered with.
        in_flight: How many the server had not answered then, with this one.
    """

    at: float
    address: str
    path: str
    status: int
    in_flight: int


class Recording:
    """A running server.

    Args:
        port: Where it listens.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        """Its base URL."""
        return self.origin(1)

    def origin(self, number: int) -> str:
        """Return one of its base URLs; 1 for the first."""
        return f"http://127.0.0.{number}:{self.port}"

    def arrivals(self) -> list[Arrival]:
        """Return what came since the last time, in its order."""
        return [Arrival(*one) for one in self._ask("/arrivals")]

    def set_knee(self, most: int) -> None:
        """Have it work on so many at a time."""
        self._ask(f"/knee/{most}", False)

    def _ask(self, path: str, is_json: bool = True) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            body = answer.read()
        return json.loads(body) if is_json else None


@contextmanager
def recording() -> Iterator[Recording]:
    """Run a server for the time of the context."""
    command: Sequence[str] = [sys.executable, str(Path(__file__).with_name("server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Recording(int(process.stdout.readline()))
        finally:
            process.kill()
