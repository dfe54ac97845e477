"""The picture of `pynector bench`: requests/s, and latencies, over limits; a line a client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .turns import Turns

FORMATS = (".png", ".svg", ".pdf")
OWN = "#d9480f"
OTHERS = ("#1971c2", "#2f9e44", "#7048e8", "#e8a500", "#0b7285", "#868e96")


def obstacle(file: Path) -> str | None:
    """Say what keeps a picture from being written there, or None if nothing does."""
    if file.suffix.lower() not in FORMATS:
        return f"the file must end in one of {', '.join(FORMATS)}, not {file.suffix or 'nothing'!r}"
    if not file.absolute().parent.is_dir():
        return f"there is no folder {file.absolute().parent}"
    if find_spec("matplotlib") is None:
        return "matplotlib is not installed: pip install 'pynector[bench]'"
    return None


def draw(rows: Sequence[Turns], about: Mapping[str, Any], file: Path) -> Path:
    """Write the picture and give its path."""
    import_module("matplotlib").use("Agg")
    plt: Any = import_module("matplotlib.pyplot")
    names = list(dict.fromkeys(turns.client for turns in rows))
    colours = {name: OWN if name == "pynector" else OTHERS[place % len(OTHERS)] for place, name in enumerate(names, -1)}
    figure, (rates, times) = plt.subplots(1, 2, figsize=(12, 5.4), layout="constrained")
    for name in names:
        mine = [turns for turns in rows if turns.client == name and turns.rate]
        limits = [turns.limit for turns in mine]
        figures = [turns.figures() for turns in mine]
        own = name == "pynector"
        style = {"color": colours[name], "linewidth": 3 if own else 1.6, "zorder": 3 if own else 2, "markersize": 5}
        rates.plot(limits, [found["requests/s"] for found in figures], "o-", label=name, **style)
        times.plot(limits, [found["p50 ms"] for found in figures], "o-", **style)
        times.plot(limits, [found["p99 ms"] for found in figures], "o:", **style)
    for axes, title in (
        (rates, "Requests a second (more is better)"),
        (times, "Latency in ms, p50 solid, p99 dotted (less is better)"),
    ):
        _dress(axes, title, sorted({turns.limit for turns in rows}), plt)
    figure.legend(*rates.get_legend_handles_labels(), loc="outside lower center", ncols=len(names), frameon=False)
    said = (
        f"{about['server']}; {about['python']}, {about['loop']}, {about['cpus']} CPUs; Pynector {about['pynector']} "
        f"({about['build']})"
    )
    figure.suptitle(f"Requests in flight, and what comes of them\n{said}", fontsize=12, color="#343a40")
    figure.savefig(file, dpi=160, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    return file


def _dress(axes: Any, title: str, limits: Sequence[int], plt: Any) -> None:
    axes.set_title(title, fontsize=11, loc="left", color="#343a40")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(limits, [f"{limit:,}" for limit in limits])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(plt.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.yaxis.set_major_locator(plt.matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.set_xlabel("requests in flight")
    axes.grid(True, color="#e9ecef")
    axes.spines[["top", "right"]].set_visible(False)
