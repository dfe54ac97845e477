"""The picture of a soak: what should be flat lines."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from .samples import WARM_UP, Sample


def draw(samples: Sequence[Sample], title: str, file: Path) -> None:
    """Write the picture."""
    import_module("matplotlib").use("Agg")
    plt: Any = import_module("matplotlib.pyplot")
    figure, rows = plt.subplots(5, 1, figsize=(10, 13), sharex=True, layout="constrained")
    minutes = [sample.time / 60 for sample in samples]
    lines: list[tuple[str, dict[str, list[float]]]] = [
        ("Requests a second", {"": [sample.rate for sample in samples]}),
        ("Blocks of memory in use, thousands", {"": [sample.blocks / 1000 for sample in samples]}),
        ("Resident memory, MiB", {"": [sample.memory / 2**20 for sample in samples]}),
        ("Open descriptors", {"": [sample.files for sample in samples]}),
        (
            "Latency, ms",
            {"p50": [1000 * sample.p50 for sample in samples], "p99": [1000 * sample.p99 for sample in samples]},
        ),
    ]
    for axes, (name, curves) in zip(rows, lines, strict=True):
        for label, values in curves.items():
            axes.plot(minutes, values, label=label, linewidth=1.4)
        axes.set_title(name, fontsize=11, loc="left", color="#343a40")
        axes.set_ylim(bottom=0)
        axes.axvline(min(WARM_UP / 60, minutes[-1]), color="#adb5bd", linestyle=":")
        axes.grid(True, color="#e9ecef")
        axes.spines[["top", "right"]].set_visible(False)
    rows[-1].legend(frameon=False)
    rows[-1].set_xlabel("minutes; what is left of the dotted line is warming up")
    figure.suptitle(title, fontsize=12, color="#343a40")
    figure.savefig(file, dpi=140, facecolor="white")
    plt.close(figure)
