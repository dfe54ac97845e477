"""The README's picture and table: python -m benchmarks.picture benchmarks/results/FILE.json docs/benchmark.svg.

It writes the picture, and prints the table in Markdown.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 120, 170, 26, 12, 64
COLOURS = {"pynector": "#d9480f", "floor": "#adb5bd"}
NAMES = {"floor": "bare protocol"}


def picture(row: dict[str, Any], machine: dict[str, Any]) -> str:
    """Give an SVG of one workload's requests/s, a bar a client, the fastest first; those that miss it are grey."""
    clients = sorted(row["clients"].items(), key=lambda item: -item[1]["requests/s"])
    most = clients[0][1]["requests/s"]
    height = TOP + len(clients) * (BAR + GAP) + 8
    about = f"requests a second; {machine['server']} on loopback, Python {machine['python']}, {machine['cpus']} CPUs"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" role="img">',
        f"<title>{escape(row['workload'])}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="20" y="28" font-size="17" font-weight="600" fill="#212529">{escape(row["workload"])}</text>',
        f'<text x="20" y="48" font-size="12" fill="#868e96">{escape(about)}</text>',
    ]
    for position, (name, figures) in enumerate(clients):
        y = TOP + position * (BAR + GAP)
        length = max(2, (WIDTH - LEFT - RIGHT) * figures["requests/s"] / most)
        middle = y + BAR / 2 + 5
        slower = row["ratios"].get(name, 1.0)
        said = f", {slower:.2g} times slower" if slower >= 1.1 else ""
        weight = 700 if name == "pynector" else 400
        parts += [
            f'<text x="{LEFT - 10}" y="{middle}" font-size="14" font-weight="{weight}" text-anchor="end" '
            f'fill="#212529">{escape(NAMES.get(name, name))}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="3" '
            f'fill="{COLOURS.get(name, "#74c0fc")}"/>',
            f'<text x="{LEFT + length + 8:.1f}" y="{middle}" font-size="13" fill="#495057">'
            f"{figures['requests/s']:,.0f}{said}</text>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def table(rows: list[dict[str, Any]]) -> str:
    """Give the ratios as a table in Markdown."""
    peers = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    lines = ["| workload | " + " | ".join(NAMES.get(name, name) for name in peers) + " |"]
    lines.append("|---" * (len(peers) + 1) + "|")
    for row in rows:
        figures = " | ".join(f"{row['ratios'][name]:.2f}" if name in row["ratios"] else "-" for name in peers)
        lines.append(f"| {row['workload']} | {figures} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write the picture and print the table."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    result = json.loads(Path(arguments[0]).read_text())
    Path(arguments[1]).write_text(picture(result["rows"][0], result["machine"]))
    print(table(result["rows"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
