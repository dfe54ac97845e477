"""The command line: `pynector info`, `pynector demo` and `pynector bench`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._version import __version__

MOST_REQUESTS = 1_000_000
MOST_IN_FLIGHT = 1_000
MOST_SECONDS = 600

INTERRUPTED = 130  # 128 and SIGINT, as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The command line without the name of the program, None for that of the process.

    Returns:
        The exit status: 0, 1 when the demo met a wrong or missing answer, 2 for no command, 130 after Ctrl-C.

    Raises:
        SystemExit: For --help and --version (0), and for what is not understood (2).
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return 2
    # Here, because --help must not wait for what only one command needs.
    from . import bench, demo, info
    from .screen import open_screen

    screen = open_screen()
    try:
        if arguments.command == "info":
            return info.run(screen)
        if arguments.command == "bench":
            plan = bench.Plan(arguments.url, arguments.limits, arguments.seconds, arguments.requests, arguments.clients)
            return bench.run(screen, plan, arguments.plot, arguments.json)
        return demo.run(screen, arguments.requests, arguments.limits)
    except (KeyboardInterrupt, asyncio.CancelledError):
        # Python 3.10 makes the one of the other.
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # As with `pynector info | head -1`. Python flushes stdout once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pynector",
        description="Pynector is an async client for services that send very many requests.",
    )
    parser.add_argument("--version", action="version", version=f"pynector {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser(
        "info",
        help="what is installed and which build runs",
        description="Print the version, the build that runs, and the optional packages that are found.",
    )
    demo = commands.add_parser(
        "demo",
        help="batches against a server on this machine, every answer checked",
        description="Start a server on this machine, send it batches at several limits, and check every answer.",
    )
    demo.add_argument(
        "--requests",
        type=_whole_number(MOST_REQUESTS),
        metavar="N",
        help="requests at each limit (default: 5000, or fewer where they would take too long)",
    )
    _add_limits(demo)
    _add_bench(commands)
    return parser


def _add_limits(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--limits",
        type=_limits,
        default=[1, 10, 100],
        metavar="N,N,...",
        help="how many requests may be in flight at a time (default: 1,10,100)",
    )


def _add_bench(commands: Any) -> None:
    bench = commands.add_parser(
        "bench",
        help="Pynector beside other clients, at a URL of yours or a server on this machine",
        description="Give Pynector and the other clients that are installed their turns at one URL, at several limits.",
    )
    bench.add_argument("--url", type=_http_url, help="where the GETs go (default: a server on this machine)")
    _add_limits(bench)
    bench.add_argument(
        "--seconds",
        type=_whole_number(MOST_SECONDS),
        default=45,
        metavar="N",
        help=f"how long all turns take together (default: 45, at most {MOST_SECONDS})",
    )
    bench.add_argument(
        "--requests",
        type=_whole_number(MOST_REQUESTS),
        default=100_000,
        metavar="N",
        help="the most requests of one turn (default: 100000)",
    )
    bench.add_argument("--clients", type=_clients, metavar="NAME,NAME,...", help="only these, beside Pynector")
    bench.add_argument("--plot", type=Path, metavar="FILE", help="write a picture (PNG, SVG or PDF)")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def _whole_number(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {most}, not {text!r}")
        return int(text)

    return parse


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and parts.username is None:
            return text
    except ValueError:
        pass
    raise argparse.ArgumentTypeError("expected a URL such as http://127.0.0.1:8000/path, without user and password")


def _clients(text: str) -> list[str]:
    from .clients import CLIENTS

    known = [client.name for client in CLIENTS]
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"unknown client {name!r}: known are {', '.join(known)}")
    return names


def _limits(text: str) -> list[int]:
    parse = _whole_number(MOST_IN_FLIGHT)
    return [parse(part.strip()) for part in text.split(",")]


__all__ = ["main"]
