"""The comparison with other clients: python -m benchmarks.table [--rounds N] [--only TEXT] [--beside NAMES].

Each figure is Pynector's requests/s divided by the peer's, or what the row's name says, medians of rounds in which all
clients have their turn. The server is nginx with one worker where it is installed, else the bundled one; every answer
is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import trustme

from pynector._speedups import COMPILED

from .measuring import Figures, measure
from .peers import MORE_PEERS, PEERS, Client, installed
from .rows import WORKLOADS, Workload
from .servers import has_http2, serving


@contextmanager
def certificate() -> Iterator[tuple[tuple[str, str], ssl.SSLContext]]:
    """Make a certificate for 127.0.0.1, and the context of clients that trust it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain.pem"), Path(folder, "key.pem")
        chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        yield (str(chain), str(key)), context


def run(workload: Workload, peers: list[type[Client]], rounds: int) -> tuple[str, dict[str, Figures]]:
    """Measure a workload on a server of its own, and give the server's name and the figures."""
    runner = asyncio.run
    try:
        import uvloop

        runner = uvloop.run
    except ImportError:
        pass
    if not workload.tls and not workload.http2:
        with serving() as server:
            return server.name, runner(measure(workload, peers, rounds, server, None))
    with certificate() as (files, context), serving(files, workload.http2) as server:
        if workload.http2:
            # A context of the caller's own is used as it is.
            context.set_alpn_protocols(["h2", "http/1.1"])
        return server.name, runner(measure(workload, peers, rounds, server, context))


def machine() -> dict[str, Any]:
    """Say what this ran on."""
    versions = {}
    for package in ("uvloop", "httptools", "h2", *(peer.package for peer in MORE_PEERS if peer.package)):
        try:
            versions[package] = version(package)
        except ModuleNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "build": "compiled" if COMPILED else "pure",
        "versions": versions,
    }


def as_row(workload: Workload, figures: dict[str, Figures]) -> dict[str, Any]:
    """Give a row as it stands in a result file."""
    ours = figures["pynector"].of(workload.figure)
    return {
        "workload": workload.name,
        "figure": workload.figure,
        "clients": {
            name: {
                **{figure: round(found.of(figure), 2) for figure in found.values},
                "rounds": len(found.values[workload.figure]),
            }
            for name, found in figures.items()
        },
        "ratios": {
            name: round(ours / found.of(workload.figure), 2) for name, found in figures.items() if name != "pynector"
        },
        "bars": workload.bars,
    }


def report(rows: list[dict[str, Any]]) -> str:
    """Give the rows as a table; a figure below its bar is marked."""
    peers = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    width = max(len(row["workload"]) for row in rows)
    lines = [f"{'':{width}}  {'requests/s':>10} {'CPU us':>8}  " + "".join(f"{name:>16}" for name in peers)]
    for row in rows:
        own = row["clients"]["pynector"]
        line = f"{row['workload']:{width}}  {own['requests/s']:>10,.0f} {own['cpu us']:>8,.1f}  "
        for name in peers:
            ratio, bar = row["ratios"].get(name), row["bars"].get(name)
            line += _cell(ratio, bar, row["figure"] != "requests/s")
        lines.append(line)
    return "\n".join(lines)


def cpu_report(rows: list[dict[str, Any]]) -> str:
    """Give the CPU time that each client's process took a request: in all, and how much of it outside the kernel."""
    names = list(dict.fromkeys(name for row in rows for name in row["clients"]))
    width = max(len(row["workload"]) for row in rows)
    lines = ["CPU us a request (of them in user mode):\n", f"{'':{width}}" + "".join(f"{name:>22}" for name in names)]
    for row in rows:
        found = [row["clients"].get(name) for name in names]
        cells = ["-" if own is None else f"{own['cpu us']:,.1f} ({own['user us']:,.1f})" for own in found]
        lines.append(f"{row['workload']:{width}}" + "".join(f"{cell:>22}" for cell in cells))
    return "\n".join(lines)


def _cell(ratio: float | None, bar: float | None, less_is_better: bool) -> str:
    if ratio is None:
        return f"{'-':>16}"
    if bar is None:
        return f"{ratio:>16.2f}"
    is_met = ratio <= bar if less_is_better else ratio >= bar
    said = f"{ratio:.2f} ({'<' if less_is_better else '>'}={bar:g})"
    return f"{' ' if is_met else '!'}{said:>15}"


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each workload")
    parser.add_argument("--only", default="", help="only workloads with this in their name")
    parser.add_argument("--beside", metavar="NAMES", help="only these clients, as floor,wreq")
    parser.add_argument("--more", action="store_true", help="httpx, niquests and aiometer too, which are slow")
    parser.add_argument("--cpu", action="store_true", help="a table of each client's CPU time, too")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    peers, missing = installed(MORE_PEERS if options.more else PEERS)
    if options.beside is not None:
        names = options.beside.split(",")
        peers = [peer for peer in peers if peer.name in names]
        missing = [name for name in missing if name in names]
    for name in missing:
        print(f"{name} is not installed: left out", file=sys.stderr)
    rows, server = [], ""
    for workload in WORKLOADS:
        if options.only not in workload.name:
            continue
        if workload.http2 and not has_http2():
            print(f"nginx is not installed: left out: {workload.name}", file=sys.stderr)
        else:
            print(f"measuring: {workload.name}", file=sys.stderr)
            server, figures = run(workload, peers, options.rounds)
            rows.append(as_row(workload, figures))
    if not rows:
        print(f"no workload was measured that has {options.only!r} in its name", file=sys.stderr)
        return 2
    about = {**machine(), "server": server}
    print(f"Pynector ({about['build']}), Python {about['python']}, {about['cpus']} CPUs, server: {server}")
    print("requests/s of Pynector divided by those of:\n")
    print(report(rows))
    if options.cpu:
        print(f"\n{cpu_report(rows)}")
    if options.json:
        options.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
