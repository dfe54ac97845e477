"""How far a batch is, on standard error."""

from __future__ import annotations

import sys
from dataclasses import replace

from ..dispatch.bar import Lines, Word, drawing
from ..dispatch.progress import BatchProgress, Listener
from .latencies import Latencies
from .latencies import shown as shown_time


class Display:
    """A bar on a terminal, else a line every few seconds.

    Args:
        is_wanted: Whether anything is shown.
        leaves_stdout: Whether the results go elsewhere than to standard output, which may be the same terminal.
        latencies: How long requests took, of which the middle is shown.
    """

    def __init__(self, is_wanted: bool, leaves_stdout: bool, latencies: Latencies) -> None:
        shows = is_wanted and (leaves_stdout or not sys.stdout.isatty())
        self._listener: Listener | None = drawing(sys.stderr, self._middle) if shows else None
        self._latencies = latencies
        self._total: int | None = None
        self._seconds: float | None = None
        self._last: BatchProgress | None = None

    def expect(self, total: int | None, seconds: float | None = None) -> None:
        """Take note of how many results there will be, or of how long it will take."""
        self._total = total
        self._seconds = seconds

    def skip(self) -> None:
        """Take note that there will be one less."""
        if self._total is not None:
            self._total -= 1

    def show(self, progress: BatchProgress) -> None:
        """Show how far it is."""
        total = None if self._total is None else max(self._total, progress.done)
        left = None if total is None else total - progress.done
        eta = None if left is None or not progress.rate else left / progress.rate
        if self._seconds is not None:
            eta = max(0.0, self._seconds - progress.elapsed)
        self._last = replace(progress, total=total, eta=eta)
        if self._listener is not None:
            self._listener.show(self._last)

    def _middle(self) -> list[Word]:
        return [(f"p50 {shown_time(self._latencies.percentile(50))}", "")] if self._latencies.total else []

    def end(self) -> None:
        """Leave the bar; where lines are written, the summary is the last of them."""
        listener, self._listener = self._listener, None
        if listener is not None and self._last is not None and not isinstance(listener, Lines):
            listener.end(self._last)

    def say(self, text: str) -> None:
        """Write a line."""
        print(text, file=sys.stderr, flush=True)
