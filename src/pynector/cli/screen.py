"""What the commands print on: a plain screen, or one that rich draws on. Of 80 columns, or as many as asked."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

WIDTH = 80

Show = Callable[[int], None]
"""Takes how much is done so far."""


class Screen:
    """Plain lines on standard output.

    Args:
        most: How many columns it may have.

    Attributes:
        width: How many it has.
    """

    def __init__(self, most: int = WIDTH) -> None:
        self.width = min(shutil.get_terminal_size().columns, most)

    @property
    def encoding(self) -> str:
        """What texts are encoded by."""
        return getattr(sys.stdout, "encoding", None) or "utf-8"

    def line(self, text: str = "") -> None:
        """Print one line."""
        print(text, flush=True)

    def words(self, words: Sequence[tuple[str, str]]) -> None:
        """Print one line of texts that have a style each."""
        self.line("".join(text for text, _ in words))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, every column aligned to the right."""
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in (columns, ["-" * width for width in widths], *rows):
            self.line("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Show]:
        """Show how far something of `total` steps is, a line at each quarter."""
        quarters = 0

        def show(done: int) -> None:
            nonlocal quarters
            now = 4 * done // total
            if now > quarters:
                quarters = now
                self.line(f"{title}: {done:>{len(f'{total:,}')},} of {total:,}")

        yield show


class RichScreen(Screen):
    """What rich makes of it: a bar that moves, and a table with lines; without colours where no terminal is.

    Args:
        console: A rich.console.Console.
        most: How many columns it may have.
    """

    def __init__(self, console: Any, most: int = WIDTH) -> None:
        self._console = console
        self.width = console.width = min(console.width, most)

    def line(self, text: str = "") -> None:
        """See Screen."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def words(self, words: Sequence[tuple[str, str]]) -> None:
        """See Screen."""
        from rich.text import Text

        self._console.print(Text.assemble(*words), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """See Screen."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.ROUNDED, header_style="bold")
        for column in columns:
            table.add_column(column, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Show]:
        """Show how far something of `total` steps is, as a bar that goes away at the end."""
        if not self._console.is_terminal:
            with super().progress(title, total) as show:
                yield show
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)


def open_screen(most: int = WIDTH) -> Screen:
    """Give a screen on standard output, drawn by rich where it is installed."""
    try:
        from rich.console import Console
    except ImportError:
        return Screen(most)
    return RichScreen(Console(file=sys.stdout), most)
