"""`pynector get`, and the like: one request, and its answer on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, BinaryIO

import anyio

from ..client import Pynector
from ..dispatch.bar import Pen
from ..dispatch.progress import Speed
from ..errors import ConfigurationError, PynectorError
from ..shorthands import place
from .arguments import flat
from .installed import has
from .streams import complain, give_up_stdout

# Least seconds between two times that a download is drawn.
INTERVAL = 0.1


def run(arguments: Any) -> int:
    """Send the request, print its answer, and return the exit status."""
    if "url" not in place(arguments.url, {}) and not os.environ.get("PYNECTOR_BASE_URL"):
        complain("expected a URL such as https://api.example.com/path")
        return 2
    try:
        return anyio.run(_send, arguments, backend_options={"use_uvloop": has("uvloop")})
    except PynectorError as error:
        complain(error)
        return 2 if isinstance(error, ConfigurationError) else 1
    except BrokenPipeError:
        raise
    except OSError as error:
        where = getattr(arguments, "download", None)
        complain(f"cannot write{f' {where}' if where else ''}: {error.strerror or error}")
        give_up_stdout()
        return 1


def request_of(arguments: Any) -> dict[str, Any]:
    """Return the request that a command line says; its header fields are not in it."""
    given = {"method": "method", "json": "json", "content": "data"}
    values = {name: getattr(arguments, argument, None) for name, argument in given.items()}
    return {**place(arguments.url, {}), **{name: value for name, value in values.items() if value is not None}}


def fields_of(arguments: Any) -> list[tuple[str, str]]:
    """Return the header fields of a command line."""
    return [(field.name, field.value) for field in flat(arguments.headers)]


def client_of(arguments: Any, **options: Any) -> Pynector:
    """Return a client as the command line says."""
    given = {"timeout": arguments.timeout, "http2": arguments.http2 or None, **options}
    named: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return Pynector(enable_telemetry=False, **named)


async def _send(arguments: Any) -> int:
    options = {**request_of(arguments), "headers": fields_of(arguments)}
    async with client_of(arguments) as client:
        if getattr(arguments, "download", None) is not None:
            return await _download(client, arguments.download, options)
        options["method"] = arguments.command.upper()
        async with client.stream(None, raise_for_status=False, **options) as response:
            await _print(response, getattr(arguments, "include", True), sys.stdout.buffer)
            name = response.request_name
    if response.status_code < 400:
        return 0
    complain(f"the server answered {response.status_code} {response.reason_phrase}".rstrip() + f" [{name}]")
    return 1


async def _print(response: Any, includes_head: bool, output: BinaryIO) -> None:
    if includes_head:
        output.write(_head(response))
    if sys.stdout.isatty():
        output.write(_for_terminal(response.headers.get("content-type", ""), await response.read()))
    else:
        async for piece in response.iter_bytes():
            output.write(piece)
    output.flush()


def _head(response: Any) -> bytes:
    status = f"{response.http_version} {response.status_code} {response.reason_phrase}".rstrip()
    lines = [status, *(f"{name}: {value}" for name, value in response.headers.pairs()), "", ""]
    return "\n".join(lines).encode("latin-1", "replace")


def _for_terminal(kind: str, content: bytes) -> bytes:
    """Return a body as a terminal can show it."""
    media_type = kind.partition(";")[0].strip().lower()
    if media_type.endswith(("/json", "+json")):
        try:
            return json.dumps(json.loads(content), indent=2, ensure_ascii=False).encode() + b"\n"
        except (ValueError, RecursionError):
            pass
    if b"\0" in content:
        return b"(%d bytes that are no text: give --download FILE, or > FILE)\n" % len(content)
    return content if not content or content.endswith(b"\n") else content + b"\n"


# Downloads


async def _download(client: Pynector, path: Any, options: dict[str, Any]) -> int:
    pen = Pen(sys.stderr)
    meter = _Meter(pen) if pen.isatty() else None
    where = options.pop("url", None) or options.pop("path")
    try:
        await client.download(where, path, progress=meter, **options)
    finally:
        if meter is not None:
            meter.end()
    return 0


class _Meter:
    """Draws on one line how much has come.

    Args:
        pen: Draws it.
    """

    def __init__(self, pen: Pen) -> None:
        self._pen = pen
        self._speed: Speed | None = None
        self._due = 0.0
        self._last = ""

    def __call__(self, size: int, total: int | None) -> None:
        now = time.monotonic()
        if self._speed is None:
            self._speed = Speed(now, size)
        if now < self._due and size != total:
            return
        self._due = now + INTERVAL
        of = "" if not total else f" of {amount(total)} ({100 * size // total}%)"
        text = f"{amount(size)}{of}, {amount(self._speed.per_second(now, size))}/s"[: self._pen.width()]
        self._pen.write("\r" + text.ljust(len(self._last)))
        self._last = text

    def end(self) -> None:
        """Leave the line."""
        if self._last:
            self._pen.write("\n")


def amount(size: float) -> str:
    """Return a number of bytes as a text."""
    units = ["TB", "GB", "MB", "kB", "B"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop()
    return f"{size:.0f} {units[-1]}" if units[-1] == "B" or size >= 100 else f"{size:.1f} {units[-1]}"
