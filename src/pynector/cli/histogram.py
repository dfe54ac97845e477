"""Latencies as bars of text."""

from __future__ import annotations

from ..dispatch.bar import Word
from .latencies import Band, Latencies, shown

BLOCKS = "▏▎▍▌▋▊▉█"
LEAST_BAR = 10


def bars(latencies: Latencies, width: int, encoding: str) -> list[list[Word]]:
    """Return a line for each band: from where to where, a bar, how many, and their share.

    Args:
        latencies: What is shown.
        width: How many columns there are, 60 or more.
        encoding: That of where it goes: bars are of blocks where it has them, else of "#".
    """
    bands = latencies.bands()
    labels = [_label(band) for band in bands]
    notes = [f"{band.number:,} {100 * band.number / latencies.total:5.1f}%" for band in bands]
    columns = max(map(len, labels), default=0), max(map(len, notes), default=0)
    room = max(LEAST_BAR, width - sum(columns) - 4)
    most = max((band.number for band in bands), default=1)
    slow, slowest = latencies.percentile(90), latencies.percentile(99)
    lines: list[list[Word]] = []
    for band, label, note in zip(bands, labels, notes, strict=True):
        style = "green" if band.least < slow else "yellow" if band.least < slowest else "red"
        bar = _bar(band.number / most * room, _has_blocks(encoding)).ljust(room)
        lines.append([(f"  {label:>{columns[0]}} ", ""), (bar, style), (f" {note:>{columns[1]}}", "")])
    return lines


def _label(band: Band) -> str:
    least, most = shown(band.least), shown(band.most)
    if least.split()[1] == most.split()[1]:
        least = least.split()[0]
    return f"{least} - {most}"


def _bar(length: float, has_blocks: bool) -> str:
    if not length:
        return ""
    if not has_blocks:
        return "#" * max(1, round(length))
    eighths = max(1, round(length * 8))
    return BLOCKS[-1] * (eighths // 8) + (BLOCKS[eighths % 8 - 1] if eighths % 8 else "")


def _has_blocks(encoding: str) -> bool:
    try:
        BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
