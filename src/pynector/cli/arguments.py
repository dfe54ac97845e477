"""What the values of a command line may be. Messages about them repeat none: it may be secret."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Any
from urllib.parse import urlsplit

from ..dispatch.limits import Rate
from ..errors import ConfigurationError
from ..templates import JSONTemplate, Template

_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "m": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
}


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations, and names what it does not know without the values."""

    def __init__(self, description: str = "", **options: Any) -> None:
        # The epilog has lines of its own.
        options["description"] = fill(description, max(20, get_terminal_size().columns - 2))
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See argparse."""
        known, others = self.parse_known_args(args, namespace)
        if others:
            names = [other.partition("=")[0] for other in others if other.startswith("-")]
            said = " ".join(names) or f"{len(others)} beyond those in the usage"
            asked = " ".join(filter(None, (self.prog, known.command, "--help")))
            self.error(f"unrecognized arguments: {said} ('{asked}' names those that there are)")
        return known


@dataclass(frozen=True)
class HeaderField:
    """A header field of the command line.

    Attributes:
        name: Its name.
        value: Its value.
        is_hidden: Whether it came from where others do not look.
    """

    name: str
    value: str = field(repr=False)
    is_hidden: bool = False


def whole_number(most: int, least: int = 1) -> Callable[[str], int]:
    """Accept a whole number of that range."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
            raise ArgumentTypeError(f"expected a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return parse


def seconds(text: str) -> float:
    """Accept a positive number of seconds, or "inf"."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise ArgumentTypeError(f"expected a positive number of seconds, or inf, not {text!r}")
    return value


def duration(text: str) -> float:
    """Accept a time, such as 30s, 1.5min or a number of seconds, and return it in seconds."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    try:
        value = float(number) * _UNITS[text[len(number) :] or "s"]
    except (ValueError, KeyError):
        value = 0.0
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"expected a time such as 30s or 5min, not {text!r}")
    return value


def svg_file(text: str) -> Path:
    """Accept the name of a file for an SVG."""
    path = Path(text)
    if path.suffix.lower() != ".svg" or not path.absolute().parent.is_dir():
        raise ArgumentTypeError("expected a file in a folder that is there, and with a name that ends in .svg")
    return path


def http_url(text: str) -> str:
    """Accept a URL without user and password."""
    try:
        parts = urlsplit(text)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and parts.username is None:
            return text
    except ValueError:
        pass
    raise ArgumentTypeError("expected a URL such as http://127.0.0.1:8000/path, without user and password")


def concurrency(text: str) -> int | str:
    """Accept how many requests may be in flight, or "auto"."""
    return text if text == "auto" else whole_number(100_000)(text)


def rate(text: str) -> Rate:
    """Accept a rate, such as 500/s, 1000/min or 20/10s."""
    number, _, unit = text.replace(",", "").replace("_", "").partition("/")
    digits = unit.rstrip("abcdefghijklmnopqrstuvwxyz")
    name = unit[len(digits) :] or ("s" if not unit else "")
    try:
        return Rate(float(number), per=float(digits or 1) * _UNITS[name])
    except (ValueError, KeyError, ConfigurationError):
        raise ArgumentTypeError(f"expected a rate such as 500/s, 1000/min or 20/10s, not {text!r}") from None


def shard(text: str) -> tuple[int, int]:
    """Accept which part of the input this is, such as 1/4."""
    number, _, count = text.partition("/")
    parse = whole_number(1_000_000)
    try:
        found = parse(number), parse(count)
    except ArgumentTypeError:
        found = (1, 0)
    if found[0] > found[1]:
        raise ArgumentTypeError(f"expected a part such as 1/4 (the first of four), not {text!r}")
    return found


def header(text: str) -> list[HeaderField]:
    """Accept `Name: value`, `Name: @FILE`, or `@FILE` with a field in each line."""
    if text.startswith("@"):
        lines = read_text(text[1:]).splitlines()
        return [HeaderField(*_split(line, text[:1]), is_hidden=True) for line in lines if line.strip()]
    name, value = _split(text, "Name: value")
    if value.startswith("@"):
        return [HeaderField(name, read_text(value[1:]).strip(), is_hidden=True)]
    return [HeaderField(name, value)]


def env_header(text: str) -> list[HeaderField]:
    """Accept `Name=VARIABLE`."""
    name, found, variable = text.partition("=")
    if not found or not name or not variable:
        raise ArgumentTypeError("expected a header name and an environment variable, such as Authorization=TOKEN")
    value = os.environ.get(variable)
    if value is None:
        raise ArgumentTypeError(f"there is no environment variable {variable}")
    return [HeaderField(name, value.strip(), is_hidden=True)]


def _split(text: str, where: str) -> tuple[str, str]:
    name, found, value = text.partition(":")
    if not found or not name.strip():
        said = "a line of the file is no header field" if where == "@" else "this is no header field"
        raise ArgumentTypeError(f"expected 'Name: value', 'Name: @FILE' or '@FILE': {said}")
    return name.strip(), value.strip()


def json_text(text: str) -> Any:
    """Accept JSON, or `@FILE` with JSON."""
    try:
        return json.loads(read_bytes(text[1:]) if text.startswith("@") else text)
    except json.JSONDecodeError as error:
        said = f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
        raise ArgumentTypeError(f"this is not JSON: {said}") from None
    except (ValueError, RecursionError):
        raise ArgumentTypeError("this is not JSON") from None


def url_template(text: str) -> Template:
    """Accept a template of a URL or a path."""
    return Template(text, is_url=True)


def json_template(text: str) -> JSONTemplate:
    """Accept a template of JSON, or `@FILE` with one."""
    try:
        return JSONTemplate.parsed(read_text(text[1:]) if text.startswith("@") else text)
    except (ValueError, RecursionError):
        raise ArgumentTypeError("this is not JSON, nor just {field}") from None


def body(text: str) -> bytes:
    """Accept a body as it is, or `@FILE`; `@-` for standard input."""
    return read_bytes(text[1:]) if text.startswith("@") else os.fsencode(text)


def read_text(name: str) -> str:
    """Return what is in a file."""
    try:
        return read_bytes(name).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ArgumentTypeError(f"{name} is no text in UTF-8") from None


def read_bytes(name: str) -> bytes:
    """Return what is in a file, or comes by standard input for "-"."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise ArgumentTypeError(f"cannot read {name}: {error.strerror}") from None


def flat(lists: Sequence[list[HeaderField]] | None) -> list[HeaderField]:
    """Return the fields of all options that give some."""
    return [field for fields in lists or () for field in fields]
