"""Draws on standard error how far batches have come: bars, one line that is drawn anew, or a line now and then.

What cannot be written is let go: a closed window or a broken pipe is no business of a batch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import RLock
from typing import Any, Protocol

from .progress import BatchProgress, Listener

# The seconds between two lines where no terminal is.
PERIOD = 5.0

# Columns of a bar.
LEAST_BAR = 10
WIDEST_BAR = 30
USUAL_WIDTH = 80

DUMB = ("dumb", "unknown")


class Pen:
    """A text stream, as far as it can be written to; what it raises ends that.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._is_broken = False

    @property
    def encoding(self) -> str:
        """The stream's encoding."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write a text, or not."""
        if not self._is_broken:
            try:
                self.stream.write(text)
                self.stream.flush()
            except BlockingIOError:
                # Somebody has made it so, and it is full just now.
                pass
            except Exception:
                self._is_broken = True
        return len(text)

    def flush(self) -> None:
        """Do nothing: what was written has been flushed."""

    def fileno(self) -> int:
        """Return the stream's file descriptor."""
        number: int = self.stream.fileno()
        return number

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        try:
            return bool(self.stream.isatty())
        except Exception:
            return False

    def width(self) -> int:
        """Return how many columns a line may have without reaching the next one."""
        columns = 0
        with suppress(Exception):
            columns = os.get_terminal_size(self.fileno()).columns
        return (columns or USUAL_WIDTH) - 1


# What is drawn

Word = tuple[str, str]
"""A text, and its style."""

Also = Callable[[], Sequence[Word]]
"""Returns what else is said of a batch."""


def nothing() -> Sequence[Word]:
    """Say nothing else of a batch."""
    return ()


def counted(progress: BatchProgress) -> str:
    """Return how much is done."""
    fraction = progress.fraction
    if fraction is None:
        return f"{progress.done:,} done"
    return f"{progress.done:,}/{progress.total:,} ({int(fraction * 100)}%)"


def words(progress: BatchProgress, is_last: bool, also: Also = nothing) -> list[Word]:
    """Return what is said of a batch, what matters most first, and no zeros; at the end, how long it took."""
    numbers = [
        (progress.failed, "failed", "red"),
        (progress.retried, "retried", "yellow"),
        (progress.in_flight, "in flight", ""),
        (progress.waiting, "waiting", ""),
    ]
    said = [(counted(progress), "bold"), (per_time(progress.rate), "")]
    if is_last:
        said.append((f"took {duration(progress.elapsed)}", ""))
    elif progress.eta is not None:
        said.append((f"{duration(progress.eta)} left", ""))
    return [*said, *also(), *((f"{number:,} {what}", style) for number, what, style in numbers if number)]


def line(progress: BatchProgress, is_last: bool, also: Also = nothing) -> str:
    """Return the words in one line."""
    return ", ".join(text for text, _ in words(progress, is_last, also))


def per_time(rate: float) -> str:
    """Return a rate as a text: a slow one by the minute."""
    if 0 < rate < 1:
        return f"{rate * 60:.1f}/min"
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.1f}/s"


def duration(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


# Where no terminal is


class Lines:
    """Writes a line now and then, and one at the end.

    Args:
        pen: Writes it.
        also: What else is said.
    """

    def __init__(self, pen: Pen, also: Also = nothing) -> None:
        self._pen = pen
        self._also = also
        self._due = PERIOD

    def show(self, progress: BatchProgress) -> None:
        """See Listener."""
        if progress.elapsed >= self._due:
            self._due = progress.elapsed + PERIOD
            self._pen.write(f"pynector: {line(progress, False, self._also)}\n")

    def end(self, progress: BatchProgress) -> None:
        """See Listener."""
        self._pen.write(f"pynector: {line(progress, True, self._also)}\n")


# On a terminal


class Board(Protocol):
    """What is drawn at the bottom of a terminal: a row for each batch under way.

    Attributes:
        stream: The terminal.
        rows: How far each has come.
    """

    stream: Any
    rows: dict[Bar, BatchProgress]

    def draw(self) -> None:
        """Draw the rows as they are now."""

    def leave(self, bar: Bar, progress: BatchProgress) -> None:
        """Write above the rows what became of a batch that is no row any more."""

    def close(self) -> None:
        """Draw nothing more."""


class OneLine:
    """One line that is drawn anew, with no more than a carriage return; see Board."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.rows: dict[Bar, BatchProgress] = {}
        self._pen = Pen(stream)
        self._length = 0

    def draw(self) -> None:
        """See Board."""
        said = [line(progress, False, bar.also) for bar, progress in self.rows.items()]
        self._write(said[0] if len(said) == 1 else " | ".join(map(counted, self.rows.values())), "")

    def leave(self, bar: Bar, progress: BatchProgress) -> None:
        """See Board."""
        self._write(line(progress, True, bar.also), "\n")
        if self.rows:
            self.draw()

    def close(self) -> None:
        """See Board."""

    def _write(self, text: str, end: str) -> None:
        width = self._pen.width()
        text = text[:width]
        self._pen.write(f"\r{text.ljust(min(self._length, width))}{end}")
        self._length = 0 if end else len(text)


class RichBoard:
    """Bars, drawn by rich; what the program prints meanwhile stands above them. See Board."""

    def __init__(self, stream: Any) -> None:
        from rich.console import Console
        from rich.live import Live

        self.stream = stream
        self.rows: dict[Bar, BatchProgress] = {}
        pen: Any = Pen(stream)
        # What the program prints goes through it, and is to come out as it is.
        as_it_is: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "soft_wrap": True}
        self._console = Console(file=pen, force_terminal=True, **as_it_is)
        self._live = Live(
            console=self._console,
            get_renderable=self._drawn,
            auto_refresh=False,
            transient=True,
            # rich writes both to the console. What is piped to another place must get there.
            redirect_stdout=_are_one(sys.stdout, stream),
            redirect_stderr=sys.stderr is stream,
        )
        self._live.start()

    def draw(self) -> None:
        """See Board."""
        self._live.refresh()

    def leave(self, bar: Bar, progress: BatchProgress) -> None:
        """See Board."""
        self._live.refresh()
        self._console.print(_table([(progress, True, bar.also)], self._console.width), soft_wrap=False)

    def close(self) -> None:
        """See Board."""
        self._live.stop()

    def _drawn(self) -> Any:
        return _table([(progress, False, bar.also) for bar, progress in self.rows.items()], self._console.width)


def _table(rows: list[tuple[BatchProgress, bool, Also]], width: int) -> Any:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    texts = [Text(", ").join(Text(text, style) for text, style in words(*row)) for row in rows]
    bar_width = width - 1 - max(map(len, texts), default=0)
    bar_width = min(WIDEST_BAR, max(LEAST_BAR, bar_width))
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True, overflow="crop", max_width=max(1, width - 1 - bar_width))
    for text, (progress, is_last, _) in zip(texts, rows, strict=True):
        # An unknown total is known at the end.
        total = progress.done if is_last and progress.total is None else progress.total
        bar = ProgressBar(total, progress.done, bar_width, complete_style="cyan", finished_style="green")
        table.add_row(bar, text)
    return table


def _are_one(one: Any, other: Any) -> bool:
    try:
        return os.path.sameopenfile(one.fileno(), other.fileno())
    except Exception:
        return False


# The boards that something is drawn on; batches of several threads may share one.
_boards: list[Board] = []
_lock = RLock()


class Bar:
    """A batch's row on the board of a terminal. What became of it stays there as a line.

    Args:
        stream: The terminal.
        make_board: Makes a board of it, where there is none.
        also: What else is said.
    """

    def __init__(self, stream: Any, make_board: type[OneLine] | type[RichBoard], also: Also = nothing) -> None:
        self._stream = stream
        self._make_board = make_board
        self.also = also

    def show(self, progress: BatchProgress) -> None:
        """See Listener."""
        with _lock:
            board = self._board()
            board.rows[self] = progress
            try:
                board.draw()
            except BaseException:
                self._leave(board)
                raise

    def end(self, progress: BatchProgress) -> None:
        """See Listener."""
        with _lock:
            board = self._board()
            board.rows.pop(self, None)
            try:
                board.leave(self, progress)
            finally:
                self._leave(board)

    def _board(self) -> Board:
        board = board_on(self._stream)
        if board is None:
            board = self._make_board(self._stream)
            _boards.append(board)
        return board

    def _leave(self, board: Board) -> None:
        board.rows.pop(self, None)
        if not board.rows:
            _boards.remove(board)
            board.close()


def board_on(stream: Any) -> Board | None:
    """Return what is drawn on a terminal just now."""
    return next((board for board in _boards if board.stream is stream), None)


def drawing(stream: Any, also: Also = nothing) -> Listener | None:
    """Return what draws one batch on a stream, or None where there is no stream.

    Args:
        stream: Standard error, or what stands for it.
        also: What else is said of it, before the numbers of requests.
    """
    if stream is None:
        return None
    # rich puts this in the place of standard error while it draws, for us or for the program itself; before rich 15 it
    # does not say what it stands for.
    is_proxy = type(stream).__module__ == "rich.file_proxy"
    terminal = getattr(stream, "rich_proxied_file", None) if is_proxy else stream
    can_draw = Pen(terminal).isatty() and os.environ.get("TERM", "").lower() not in DUMB
    if not can_draw or (is_proxy and board_on(terminal) is None):
        return Lines(Pen(stream), also)
    return Bar(terminal, RichBoard if _has_rich() else OneLine, also)


def _has_rich() -> bool:
    # Imported before anything is sent, for it takes a while.
    try:
        import rich.live
        import rich.progress_bar
        import rich.table  # noqa: F401
    except ImportError:
        return False
    return True
