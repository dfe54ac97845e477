"""What the commands understand. Nothing here imports a client, for which --help must not wait."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .._version import __version__
from . import arguments
from .arguments import Parser, whole_number

MOST_REQUESTS = 1_000_000
MOST_IN_FLIGHT = 1_000
MOST_SECONDS = 600

METHODS = ("get", "post", "put", "patch", "delete", "head")

_SECRETS = """\
Arguments can be seen by others on the same machine. What is secret is better in an
environment variable or a file; it is shown nowhere:
  --env-header Authorization=TOKEN    the value of $TOKEN
  --header @FILE                      a field in each line
  --header 'Authorization: @FILE'     the value from a file
"""

_OF_GET = """\
examples:
  pynector get https://api.example.com/items/7
  pynector get -i --env-header Authorization=TOKEN https://api.example.com/me
  pynector get --download data.zip https://example.com/data.zip
"""

_OF_BODIES = """\
examples:
  pynector {name} --json '{{"name": "new"}}' https://api.example.com/items
  pynector {name} --json @item.json https://api.example.com/items
  pynector {name} --data @photo.jpg --header 'Content-Type: image/jpeg' https://example.com/
"""

_STATUSES = "exit status: 0, 1 for a status of 400 or above and other failures, 2 for bad use, 130 after Ctrl-C.\n"


def parser() -> Parser:
    """Return the parser of the command line."""
    whole = Parser(
        prog="pynector",
        description="Pynector is an async client for services that send very many requests.",
        epilog="'pynector COMMAND --help' has examples.",
    )
    whole.add_argument("--version", action="version", version=f"pynector {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="command")
    for name in METHODS:
        _add_request(commands, name)
    info = commands.add_parser(
        "info",
        help="what is installed and which build runs",
        description="Print the version, the build and the engine that run, and the optional packages that are found.",
    )
    info.add_argument("--json", action="store_true", help="print it as JSON")
    demo = commands.add_parser(
        "demo",
        help="batches against a server on this machine, every answer checked",
        description="Start a server on this machine, send it batches at several limits, and check every answer.",
    )
    demo.add_argument(
        "--requests",
        type=whole_number(MOST_REQUESTS),
        metavar="N",
        help="requests at each limit (default: 5000, or fewer where they would take too long)",
    )
    _add_limits(demo)
    _add_bench(commands)
    return whole


def add_headers(command: argparse.ArgumentParser) -> None:
    """Add the options that give header fields."""
    command.add_argument(
        "-H",
        "--header",
        dest="headers",
        type=arguments.header,
        action="append",
        metavar="FIELD",
        help="a header field, 'Name: value', 'Name: @FILE' or @FILE; may be given several times",
    )
    command.add_argument(
        "--env-header",
        dest="headers",
        type=arguments.env_header,
        action="append",
        metavar="NAME=VARIABLE",
        help="a header field with the value of an environment variable; may be given several times",
    )


def add_exchange(command: argparse.ArgumentParser) -> None:
    """Add the options that say how requests are sent."""
    command.add_argument(
        "--timeout",
        type=arguments.seconds,
        metavar="SECONDS",
        help="how long a request may take, to the end of its answer (default: 30)",
    )
    command.add_argument("--http2", action="store_true", help="speak HTTP/2 where the server does")


def _add_request(commands: Any, name: str) -> None:
    has_body = name not in ("get", "head")
    examples = _OF_BODIES.format(name=name) if has_body else _OF_GET.replace("pynector get", f"pynector {name}")
    if name == "head":
        examples = "".join(line + "\n" for line in examples.splitlines() if "-i" not in line and "--down" not in line)
    command = commands.add_parser(
        name,
        help=f"send a {name.upper()} request" + (", and print its header fields" if name == "head" else ""),
        description=f"Send a {name.upper()} request, and print "
        + ("the head of its answer." if name == "head" else "its answer's body, JSON made pretty on a terminal."),
        epilog=f"{examples}\n{_SECRETS}\n{_STATUSES}",
    )
    command.add_argument("url", metavar="URL", help="where it goes; a path goes below PYNECTOR_BASE_URL")
    add_headers(command)
    if has_body:
        bodies = command.add_mutually_exclusive_group()
        bodies.add_argument("--json", type=arguments.json_text, metavar="JSON", help="a body as JSON, or @FILE")
        bodies.add_argument(
            "--data", type=arguments.body, metavar="BODY", help="a body as it is, or @FILE; @- is stdin"
        )
    if name != "head":
        shown = command.add_mutually_exclusive_group()
        shown.add_argument("-i", "--include", action="store_true", help="print the head of the answer, too")
        if name == "get":
            shown.add_argument(
                "--download",
                type=Path,
                metavar="FILE",
                help="put the body into a file, from where an earlier try has come to",
            )
    add_exchange(command)


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
    bench.add_argument("--url", type=arguments.http_url, help="where the GETs go (default: a server on this machine)")
    _add_limits(bench)
    bench.add_argument(
        "--seconds",
        type=whole_number(MOST_SECONDS),
        default=45,
        metavar="N",
        help=f"how long all turns take together (default: 45, at most {MOST_SECONDS})",
    )
    bench.add_argument(
        "--requests",
        type=whole_number(MOST_REQUESTS),
        default=100_000,
        metavar="N",
        help="the most requests of one turn (default: 100000)",
    )
    bench.add_argument("--clients", type=_clients, metavar="NAME,NAME,...", help="only these, beside Pynector")
    bench.add_argument("--plot", type=Path, metavar="FILE", help="write a picture (PNG, SVG or PDF)")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def _clients(text: str) -> list[str]:
    from .clients import CLIENTS

    known = [client.name for client in CLIENTS]
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"unknown client {name!r}: known are {', '.join(known)}")
    return names


def _limits(text: str) -> list[int]:
    parse = whole_number(MOST_IN_FLIGHT)
    return [parse(part.strip()) for part in text.split(",")]
