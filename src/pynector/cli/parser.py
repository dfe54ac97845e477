"""What the commands understand. Nothing here imports a client, for which --help must not wait."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .._version import __version__
from . import arguments
from .arguments import Parser, whole_number
from .completion import SHELLS

MOST_REQUESTS = 1_000_000
MOST_IN_FLIGHT = 1_000
MOST_SECONDS = 600

METHODS = ("get", "post", "put", "patch", "delete", "head")

_SECRETS = """\
Arguments can be seen by others on the same machine. What is secret is better
in an environment variable or a file; it is shown nowhere:
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
  pynector {name} --data @photo.jpg --header 'Content-Type: image/jpeg' \\
      https://example.com/photos/7
"""

_STATUSES = """\
exit status: 0, 1 for a status of 400 or above and other failures, 2 for bad
use, 130 after Ctrl-C.
"""


_OF_BATCH = """\
FILE is one of these, by its name or its beginning; .gz and .zst are unpacked:
  JSON lines  {{"url": "https://api.example.com/items/7"}}, with method, headers,
              params, json, ...; or any records, of which --url, --path, --json
              and --header make requests
  CSV         rows with a column url, or any rows, likewise; the first line
              names the fields
  a list      a URL or a path in each line, which is {{line}} in templates;
              # begins a comment

In templates {{field}} is a field of the record, {{user.name}} one within another,
{{.}} the whole record, and {{{{ a brace. In a URL it is percent-encoded, and in
JSON a text of just "{{field}}" is the value with its own type.

examples:
  pynector batch urls.txt > results.jsonl
  pynector batch items.csv --url 'https://example.com/items/{{id}}' -o out.jsonl
  pynector batch people.jsonl --url https://api.example.com/score \\
      --json '{{"name": "{{name}}", "age": "{{age}}"}}' \\
      --env-header Authorization=TOKEN --key id --rate 100/s --retries 3 \\
      --output out.jsonl
  pynector batch people.jsonl ... --output out.jsonl --resume

{secrets}
exit status: 0 if all succeeded, 1 if some failed, 2 for bad use and bad lines,
130 after Ctrl-C.
"""

_OF_LOAD = """\
With --rate requests start when they are due, whatever the answers do, and a
latency counts from when its request was meant to start: if the server stands
still for a second, all that should have started in it are late, and are seen.
Without --rate each answer is followed by the next request, so that a server
that stands still is asked less. Redirects are not followed.

examples:
  pynector load http://127.0.0.1:8000/ --concurrency 50 --duration 30s
  pynector load http://127.0.0.1:8000/items --rate 2000/s --plot latencies.svg
  pynector load http://127.0.0.1:8000/items --requests 10000 --json @item.json
  pynector load https://staging.example.com/ --rate 50/s --duration 5min --yes

{secrets}
exit status: 0 if all succeeded, 1 if some failed or the rate was not kept, 2
for bad use, 130 after Ctrl-C, which ends it and shows what there is.
"""

_OF_COMPLETION = """\
examples:
  pynector completion bash >> ~/.bashrc
  pynector completion zsh > ~/.zfunc/_pynector
  pynector completion fish > ~/.config/fish/completions/pynector.fish

The folder ~/.zfunc must be one of $fpath before compinit runs.
"""


def parser() -> Parser:
    """Return the parser of the command line."""
    whole = Parser(
        prog="pynector",
        usage="pynector [-h] [--version] command [options]",
        description="Pynector is an async client for services that send very many requests.",
        epilog="'pynector COMMAND --help' has examples.",
    )
    whole.add_argument("--version", action="version", version=f"pynector {__version__}")
    commands = whole.add_subparsers(
        title="commands", dest="command", metavar="command [options]", prog="pynector", parser_class=Parser
    )
    for name in METHODS:
        _add_request(commands, name)
    _add_batch(commands)
    _add_load(commands)
    info = commands.add_parser(
        "info",
        help="what is installed and which build runs",
        description="Print the version, the build and the engine that run, and the optional packages that are found.",
        epilog=_examples("info", "info --json"),
    )
    info.add_argument("--json", action="store_true", help="print it as JSON")
    demo = commands.add_parser(
        "demo",
        help="batches against a server on this machine, every answer checked",
        description="Start a server on this machine, send it batches at several limits, and check every answer.",
        epilog=_examples("demo", "demo --requests 20000 --limits 1,50,500"),
    )
    demo.add_argument(
        "--requests",
        type=whole_number(MOST_REQUESTS),
        metavar="N",
        help="requests at each limit (default: 5000, or fewer where they would take too long)",
    )
    _add_limits(demo)
    _add_bench(commands)
    completion = commands.add_parser(
        "completion",
        help="what a shell needs to complete command lines",
        description="Print a script by which a shell completes the command lines of pynector.",
        epilog=_OF_COMPLETION,
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell")
    return whole


def _examples(*lines: str) -> str:
    return "".join(["examples:\n", *(f"  pynector {line}\n" for line in lines)])


def add_headers(command: Any) -> None:
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


def add_bodies(command: Any) -> None:
    """Add the options that give a body."""
    bodies = command.add_mutually_exclusive_group()
    bodies.add_argument("--json", type=arguments.json_text, metavar="JSON", help="a body as JSON, or @FILE")
    bodies.add_argument("--data", type=arguments.body, metavar="BODY", help="a body as it is, or @FILE; @- is stdin")


def add_exchange(command: Any) -> None:
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
        add_bodies(command)
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


def _add_batch(commands: Any) -> None:
    batch = commands.add_parser(
        "batch",
        help="the requests of a file, and their results as lines of JSON",
        usage="pynector batch FILE [options]",
        description="Send the requests of a file, and write a line of JSON for each result, as they come.",
        epilog=_OF_BATCH.format(secrets=_SECRETS),
    )
    batch.add_argument("file", metavar="FILE", help="the requests, or records to make them of; - is standard input")
    _add_requests_of_batch(batch.add_argument_group("requests"))
    _add_pace(batch.add_argument_group("pace"))
    _add_results(batch.add_argument_group("input and output"))


def _add_load(commands: Any) -> None:
    load = commands.add_parser(
        "load",
        help="requests to one URL, at a rate or as answers come, and how long they took",
        usage="pynector load URL [options]",
        description="Send a request again and again, at a rate or as answers come, and show how long it took.",
        epilog=_OF_LOAD.format(secrets=_SECRETS),
    )
    load.add_argument("url", metavar="URL", help="where they go; a path goes below PYNECTOR_BASE_URL")
    pace = load.add_argument_group("pace")
    pace.add_argument("--rate", type=arguments.rate, metavar="RATE", help="how many start, such as 500/s")
    pace.add_argument(
        "--concurrency",
        type=whole_number(100_000),
        metavar="N",
        help="how many in flight; at a rate the most of them (default: 10, 1000 at a rate)",
    )
    length = pace.add_mutually_exclusive_group()
    length.add_argument(
        "--duration", type=arguments.duration, metavar="TIME", help="how long, such as 30s (default: 10s)"
    )
    length.add_argument("--requests", type=whole_number(10**12), metavar="N", help="how many")
    pace.add_argument(
        "--warmup", type=arguments.duration, default=0.0, metavar="TIME", help="how long before that, without counting"
    )
    _add_yes(pace)
    requests = load.add_argument_group("requests")
    requests.add_argument("--method", metavar="METHOD", help="the method (default: GET, POST with a body)")
    add_bodies(requests)
    add_headers(requests)
    add_exchange(requests)
    results = load.add_argument_group("output")
    results.add_argument("--plot", type=arguments.svg_file, metavar="FILE", help="write a picture (SVG)")
    results.add_argument("--summary-json", type=Path, metavar="FILE", help="write the figures as JSON")
    results.add_argument("-q", "--quiet", action="store_true", help="nothing on standard error but what is wrong")


def _add_yes(command: Any) -> None:
    command.add_argument("--yes", action="store_true", help="send it to another machine, where you may")


def _add_requests_of_batch(group: Any) -> None:
    group.add_argument("--url", type=arguments.url_template, metavar="TEMPLATE", help="where they go")
    group.add_argument("--path", type=arguments.url_template, metavar="TEMPLATE", help="where, below --base-url")
    group.add_argument("--base-url", metavar="URL", help="what paths are below (default: PYNECTOR_BASE_URL)")
    group.add_argument("--method", metavar="METHOD", help="the method (default: GET, POST with a body)")
    group.add_argument("--json", type=arguments.json_template, metavar="TEMPLATE", help="a body as JSON, or @FILE")
    add_headers(group)
    group.add_argument("--key", metavar="FIELD", help="what a record is known by, for --resume, else its place")
    add_exchange(group)


def _add_pace(group: Any) -> None:
    group.add_argument(
        "--concurrency",
        type=arguments.concurrency,
        metavar="N|auto",
        help="how many at a time; auto finds out (default: 100)",
    )
    group.add_argument("--per-origin", type=whole_number(100_000), metavar="N", help="how many at a time at one server")
    group.add_argument(
        "--rate",
        type=arguments.rate,
        action="append",
        metavar="RATE",
        help="500/s, 1000/min; may be given several times",
    )
    group.add_argument("--cost", metavar="FIELD", help="the field that has what a request costs, such as tokens")
    group.add_argument(
        "--cost-rate", type=arguments.rate, metavar="RATE", help="how much may be spent, such as 90000/min"
    )
    group.add_argument(
        "--retries",
        type=whole_number(100, 0),
        default=0,
        metavar="N",
        help="how often what may pass is sent again (default: 0)",
    )
    group.add_argument(
        "--attempt-timeout", type=arguments.seconds, metavar="SECONDS", help="how long one attempt may take"
    )
    group.add_argument(
        "--idempotency-key", action="store_true", help="an Idempotency-Key for each, so that POSTs may be sent again"
    )
    group.add_argument("--fail-fast", action="store_true", help="stop at the first failure")


def _add_results(group: Any) -> None:
    group.add_argument("--format", choices=("jsonl", "csv", "tsv", "urls"), help="what FILE is")
    group.add_argument("--skip-bad", action="store_true", help="leave out lines that are no record, and tell which")
    group.add_argument("--limit", type=whole_number(10**12), metavar="N", help="only the first N records")
    group.add_argument(
        "--shard", type=arguments.shard, default=(1, 1), metavar="I/N", help="every Nth record, from the Ith: 1/4"
    )
    group.add_argument("--dry-run", action="store_true", help="print the first requests as they would go out")
    group.add_argument("-o", "--output", type=Path, metavar="FILE", help="where results go (default: standard output)")
    group.add_argument("--resume", action="store_true", help="go on with an output that is there")
    group.add_argument("--retry-failed", action="store_true", help="with --resume, send again what failed")
    group.add_argument("--ordered", action="store_true", help="results in the order of the input")
    group.add_argument("--include-headers", action="store_true", help="the answers' header fields, too")
    group.add_argument("--summary-json", type=Path, metavar="FILE", help="write the summary as JSON")
    group.add_argument("-q", "--quiet", action="store_true", help="nothing on standard error but what is wrong")


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
        epilog=_examples(
            "bench",
            "bench --seconds 120 --clients aiohttp,httpx --plot bench.svg",
            "bench --url http://127.0.0.1:8000/items --limits 10,200",
            "bench --url https://staging.example.com/ --yes --json figures.json",
        ),
    )
    bench.add_argument("--url", type=arguments.http_url, help="where the GETs go (default: a server on this machine)")
    _add_yes(bench)
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
