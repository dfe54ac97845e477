"""What is drawn on a terminal: by rich, and without it. The terminal is a pseudo one."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from pynector import BatchProgress
from pynector.dispatch import bar
from pynector.dispatch.bar import Lines, OneLine, RichBoard
from pynector.dispatch.progress import Counts, Reporter

WIDTH = 80

_STEP = re.compile(r"\x1b\[\??(?P<number>[\d;]*)(?P<command>[A-Za-z])|(?P<text>[^\x1b])", re.DOTALL)


class Terminal:
    """A pseudo terminal, and what a person would see on it.

    Attributes:
        stream: What a program writes to.
        raw: What was written.
    """

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        os.set_blocking(self._master, False)
        self.stream: Any = io.TextIOWrapper(io.FileIO(slave, "w"), "utf-8")
        self.raw = ""

    def seen(self) -> list[str]:
        """Return the lines that stand on it, without what is empty at the end."""
        self.read()
        rows, row, column = [""], 0, 0
        for step in _STEP.finditer(self.raw):
            command, text = step["command"], step["text"]
            if text == "\r":
                column = 0
            elif text == "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            elif text is not None:
                rows[row] = rows[row].ljust(column)[:column] + text + rows[row][column + 1 :]
                column += 1
            elif command == "A":
                row -= int(step["number"])
            elif command == "K":
                rows[row] = ""
        return "\n".join(each.rstrip() for each in rows).rstrip().splitlines()

    def read(self) -> str:
        """Return what was written, all of it."""
        while True:
            try:
                self.raw += os.read(self._master, 65536).decode()
            except BlockingIOError:
                return self.raw

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.hang_up()
        with contextlib.suppress(OSError):
            self.stream.close()

    def hang_up(self) -> None:
        """Close the window."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal that can do all that is asked of it."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    with Terminal() as made:
        yield made
        assert bar._boards == []


@pytest.fixture
def without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.live", None)


def progress_at(done: int = 40, total: int | None = 100, **others: Any) -> BatchProgress:
    numbers: dict[str, Any] = {"failed": 0, "retried": 0, "in_flight": 5, "waiting": 0}
    numbers |= {"elapsed": 1.0, "rate": 10.0, "eta": 6.0, **others}
    return BatchProgress(done=done, total=total, **numbers)


def ended(done: int = 100, total: int | None = 100) -> BatchProgress:
    return progress_at(done, total, in_flight=0, elapsed=10.0, eta=0.0)


def bars(rows: list[str]) -> list[str]:
    """Those that are a bar, without it: the share that is drawn, and the text."""
    found = [re.fullmatch(r"([━╸╺ ]{10,30}) (\d.*)", row) for row in rows]
    return [match[2] for match in found if match]


def drawing(stream: Any) -> Any:
    return bar.drawing(stream)


def drawn(terminal: Terminal) -> Any:
    return drawing(terminal.stream)


@contextlib.contextmanager
def standard(terminal: Terminal, output: Any) -> Iterator[None]:
    """Make a terminal standard error, and something else standard output; both are to be so at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", terminal.stream)
        patch.setattr(sys, "stdout", output)
        yield
        assert sys.stderr is terminal.stream
        assert sys.stdout is output


# By rich


def test_a_bar_goes_on_and_stays_when_it_is_full(terminal: Terminal) -> None:
    one = drawn(terminal)
    for done in (0, 40, 70):
        one.show(progress_at(done, failed=2))
        assert bars(terminal.seen()) == [f"{done}/100 ({done}%), 10.0/s, 0:06 left, 2 failed, 5 in flight"]
    one.end(ended())
    assert terminal.seen() == ["━" * 30 + " 100/100 (100%), 10.0/s, took 0:10"]
    assert "\x1b[?25l" in terminal.raw
    assert terminal.raw.rstrip("\r").endswith("\x1b[?25h")


def test_a_batch_of_unknown_length_has_a_bar(terminal: Terminal) -> None:
    one = drawn(terminal)
    one.show(progress_at(1234, None, eta=None))
    assert bars(terminal.seen()) == ["1,234 done, 10.0/s, 5 in flight"]
    one.end(ended(1300, None))
    assert terminal.seen() == ["━" * 30 + " 1,300 done, 10.0/s, took 0:10"]


def test_a_batch_that_is_soon_over_leaves_its_line(terminal: Terminal) -> None:
    drawn(terminal).end(ended())
    assert bars(terminal.seen()) == ["100/100 (100%), 10.0/s, took 0:10"]


@pytest.mark.parametrize("columns", [1, 12, 40, 79, 200])
def test_a_row_is_one_row_however_narrow(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    one = drawn(terminal)
    for _ in range(3):
        one.show(progress_at(123456, 1_000_000, failed=123456, retried=5, waiting=7))
    assert [len(row) <= columns for row in terminal.seen()] == [True]
    one.end(ended())
    assert len(terminal.seen()) == 1


def shares(rows: list[str]) -> list[str]:
    return [row.split(" (")[0] for row in bars(rows)]


def test_batches_at_once_have_a_row_each(terminal: Terminal) -> None:
    with standard(terminal, io.StringIO()):
        one, two = drawing(sys.stderr), drawing(sys.stderr)
        one.show(progress_at(1))
        two.show(progress_at(2))
        assert sys.stderr is not terminal.stream
        three = drawing(sys.stderr)
        three.show(progress_at(3))
        one.show(progress_at(4))
        assert shares(terminal.seen()) == ["4/100", "2/100", "3/100"]
        two.end(ended(50))
        assert shares(terminal.seen()) == ["50/100", "4/100", "3/100"]
        three.end(ended())
        one.end(ended())
        assert shares(terminal.seen()) == ["50/100", "100/100", "100/100"]


def test_what_is_printed_stands_above_as_it_is(terminal: Terminal) -> None:
    with standard(terminal, io.StringIO()):
        one = drawing(sys.stderr)
        one.show(progress_at(1))
        long = "[red]not rich's[/nothing] :smile: " + "x" * 60
        sys.stderr.write(f"{long}\n")
        sys.stderr.write("[/part]")
        sys.stderr.flush()
        one.show(progress_at(2))
        seen = terminal.seen()
        assert seen[:2] == [long, "[/part]"]
        assert shares(seen[2:]) == ["2/100"]
        one.end(ended())


def test_what_is_printed_to_standard_output_goes_there(terminal: Terminal) -> None:
    with standard(terminal, io.StringIO()):
        one = drawing(sys.stderr)
        one.show(progress_at(1))
        sys.stdout.write("a result\n")
        one.end(ended())
        assert sys.stdout.getvalue() == "a result\n"
        assert "a result" not in terminal.read()


def test_standard_output_on_the_same_terminal_stands_above(terminal: Terminal) -> None:
    with open(os.dup(terminal.stream.fileno()), "w", encoding="utf-8") as output, standard(terminal, output):
        one = drawing(sys.stderr)
        one.show(progress_at(1))
        sys.stdout.write("a result\n")
        assert terminal.seen()[0] == "a result"
        assert shares(terminal.seen()) == ["1/100"]
        one.end(ended())


def test_another_bar_of_rich_s_is_not_disturbed(terminal: Terminal) -> None:
    with standard(terminal, io.StringIO()):
        console = Console(file=terminal.stream, force_terminal=True)
        with Live("the program's own", console=console, auto_refresh=False) as live:
            one = drawing(sys.stderr)
            assert isinstance(one, Lines)
            one.show(progress_at(50, elapsed=5.0))
            live.refresh()
            assert terminal.seen() == ["pynector: 50/100 (50%), 10.0/s, 0:06 left, 5 in flight", "the program's own"]


def test_colours_are_left_out_where_nobody_wants_them(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile(r"\x1b\[(\d+;)*[349][0-7]")
    for wanted in (True, False):
        one = drawn(terminal)
        one.show(progress_at(failed=1))
        one.end(ended())
        assert bool(colour.search(terminal.read())) is wanted
        terminal.raw = ""
        monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.anyio
async def test_what_cannot_be_drawn_leaves_all_as_it_was(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "_table", lambda rows, width: 1 / 0 if rows else "")
    raised: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: raised.append(type(unraisable.exc_value)))
    with standard(terminal, io.StringIO()):
        reporter = Reporter(lambda: Counts(1, 0, 0, 0, 0, 5), lambda: 1.0, [drawing(sys.stderr)])
        for _ in range(3):
            reporter.tell()
        reporter.finish()
    assert raised == [ZeroDivisionError]
    assert terminal.read().count("\x1b[?25l") == terminal.raw.count("\x1b[?25h") == 1


# Without it


@pytest.mark.usefixtures("without_rich")
def test_one_line_is_drawn_anew_and_stays(terminal: Terminal) -> None:
    one = drawn(terminal)
    one.show(progress_at(40, failed=2))
    assert terminal.seen() == ["40/100 (40%), 10.0/s, 0:06 left, 2 failed, 5 in flight"]
    one.show(progress_at(70))
    assert terminal.seen() == ["70/100 (70%), 10.0/s, 0:06 left, 5 in flight"]
    one.end(ended())
    assert terminal.seen() == ["100/100 (100%), 10.0/s, took 0:10"]
    assert terminal.raw.endswith("\r\n")
    assert "\x1b" not in terminal.raw


@pytest.mark.usefixtures("without_rich")
def test_batches_at_once_share_the_line(terminal: Terminal) -> None:
    one, two = drawn(terminal), drawn(terminal)
    one.show(progress_at(1))
    two.show(progress_at(2, None))
    assert terminal.seen() == ["1/100 (1%) | 2 done"]
    two.end(ended(50))
    assert terminal.seen() == ["50/100 (50%), 10.0/s, took 0:10", "1/100 (1%), 10.0/s, 0:06 left, 5 in flight"]
    one.end(ended())
    assert terminal.seen() == ["50/100 (50%), 10.0/s, took 0:10", "100/100 (100%), 10.0/s, took 0:10"]


@pytest.mark.usefixtures("without_rich")
def test_the_line_is_no_longer_than_the_terminal_is_wide(terminal: Terminal) -> None:
    import fcntl
    import struct
    import termios

    one = drawn(terminal)
    one.show(progress_at(123456, 1_000_000, failed=1234, retried=567, waiting=7))
    # None has been said: 80.
    assert len(terminal.seen()[0]) == 79
    fcntl.ioctl(terminal.stream, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
    one.show(progress_at(123456, 1_000_000))
    assert terminal.raw != terminal.read()[-20:] == "\r123,456/1,000,000 ("
    one.end(ended())


# Where drawing makes no sense


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_dumb_terminal_gets_lines(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    monkeypatch.setenv("TERM", term)
    one = drawn(terminal)
    one.show(progress_at())
    one.end(ended())
    assert terminal.seen() == ["pynector: 100/100 (100%), 10.0/s, took 0:10"]


@pytest.mark.parametrize("make", [RichBoard, OneLine])
def test_a_window_that_is_closed_is_let_be(terminal: Terminal, make: Callable[..., Any]) -> None:
    one = bar.Bar(terminal.stream, make)
    one.show(progress_at())
    terminal.hang_up()
    one.show(progress_at())
    one.end(ended())
