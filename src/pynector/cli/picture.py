"""A picture of latencies: how many took how long, and what part of them took no longer. An SVG, written by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from .latencies import Latencies, shown

WIDTH, LEFT, RIGHT, HEIGHT, TOP, GAP, FOOT = 760, 70, 30, 180, 96, 70, 40
MOST_BANDS = 60
OWN, LINE, DARK, GREY, PALE, RED = "#d9480f", "#1971c2", "#212529", "#868e96", "#e9ecef", "#e03131"
PARTS = (0, 50, 90, 99, 99.9, 99.99, 99.999)


def picture(latencies: Latencies, title: str, about: Sequence[str], warning: str) -> str:
    """Return an SVG.

    Args:
        latencies: What is shown.
        title: What they are.
        about: Up to three lines about them.
        warning: What is to be said loudly, or nothing.
    """
    below = TOP + HEIGHT + GAP
    height = below + HEIGHT + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(20, 26, title, 17, DARK, weight=600),
        *(_text(20, 44 + 15 * place, line, 12, GREY) for place, line in enumerate(about)),
    ]
    if warning:
        parts.append(_text(20, height - 8, warning, 12, RED, weight=600))
    if latencies.total:
        parts += [*_histogram(latencies, TOP), *_curve(latencies, below)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _histogram(latencies: Latencies, top: float) -> list[str]:
    """Return bars over the time, which has the same room for each factor."""
    bands = latencies.bands(MOST_BANDS)
    least, most = bands[0].least, bands[-1].most
    highest = max(band.number for band in bands)

    def place(seconds: float) -> float:
        seconds = min(max(seconds, least), most)
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(seconds / least) / math.log(most / least)

    foot = top + HEIGHT
    parts = [_text(LEFT - 8, top + 10, f"{highest:,}", 11, GREY, "end"), _text(LEFT - 8, foot, "0", 11, GREY, "end")]
    for band in bands:
        size = HEIGHT * band.number / highest
        parts.append(
            f'<rect x="{place(band.least):.1f}" y="{foot - size:.1f}" '
            f'width="{max(1, place(band.most) - place(band.least) - 1):.1f}" height="{size:.1f}" fill="{OWN}"/>'
        )
    parts.append(_rule(LEFT, foot, WIDTH - RIGHT, foot, GREY))
    every = max(1, -(-len(bands) // 10))
    for end in [*(band.least for band in bands[::every]), *([most] if len(bands) % every == 0 else [])]:
        parts += [
            _rule(place(end), foot, place(end), foot + 4, GREY),
            _text(place(end), foot + 17, shown(end), 11, GREY, "middle"),
        ]
    return parts


def _curve(latencies: Latencies, top: float) -> list[str]:
    """Return a line of the time over the part that took no longer, in which each further nine has the same room."""
    foot, width = top + HEIGHT, WIDTH - LEFT - RIGHT
    # As far as there is at least one that took longer.
    farthest = max(1.0, math.log10(latencies.total))

    def place(part: float) -> float:
        return LEFT + width * min(farthest, -math.log10(max(1e-12, 1 - part))) / farthest

    def level(seconds: float) -> float:
        return foot - HEIGHT * seconds / latencies.longest

    parts = []
    for share in (0.25, 0.5, 0.75, 1):
        seconds = latencies.longest * share
        parts += [
            _rule(LEFT, level(seconds), WIDTH - RIGHT, level(seconds), PALE),
            _text(LEFT - 8, level(seconds) + 4, shown(seconds), 11, GREY, "end"),
        ]
    for percent in PARTS:
        at = place(percent / 100)
        if percent == 0 or -math.log10(1 - percent / 100) <= farthest:
            name = "shortest" if percent == 0 else f"{percent:g}%"
            parts += [_rule(at, foot, at, foot + 4, GREY), _text(at, foot + 17, name, 11, GREY, "middle")]
    points, before = [], 0.0
    for seconds, number in latencies.steps():
        points += [
            f"{place(before):.1f},{level(seconds):.1f}",
            f"{place(number / latencies.total):.1f},{level(seconds):.1f}",
        ]
        before = number / latencies.total
    parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    return [*parts, _rule(LEFT, foot, WIDTH - RIGHT, foot, GREY)]


def _text(x: float, y: float, text: str, size: int, colour: str, anchor: str = "start", weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def _rule(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'
