"""The demo from inside: what it does when answers are wrong, late or missing."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence

import pytest

from pynector import Pynector, PynectorError
from pynector.cli import demo, info, main
from pynector.cli.demo import Tally
from pynector.cli.meter import Meter, percentile
from pynector.cli.screen import RichScreen, Screen, open_screen
from pynector.testing import LoopbackServer


class Lines(Screen):
    """A screen to look at afterwards."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str = "") -> None:
        self.lines.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Place:
    """A server that runs already, known by its URL."""

    def __init__(self, url: str) -> None:
        self.url = url


def run(url: str, requests: int | None = 40, limits: Sequence[int] = (1, 7)) -> tuple[int, Lines]:
    screen = Lines()
    return demo.run(screen, requests, limits, contextlib.nullcontext(Place(url))), screen


def test_right_answers_give_0(server: LoopbackServer) -> None:
    code, screen = run(server.url)
    assert code == 0
    assert "80 requests, 80 right answers in their places, 0 errors" in screen.lines


def test_the_limit_is_what_is_in_flight(server: LoopbackServer) -> None:
    server.reset()
    run(server.url, 300, [7])
    stats = server.stats()
    assert stats.requests == 300
    assert stats.max_in_flight <= 7
    assert stats.connections <= 7


def test_wrong_answers_give_1_and_are_counted(server: LoopbackServer) -> None:
    code, screen = run(f"{server.url}/echo")
    assert code == 1
    assert "80 requests, 0 right answers in their places, 80 wrong, 0 errors" in screen.lines
    assert screen.lines[-1] == "The first problem: asked for 0, got b''"


def test_failed_requests_give_1_and_are_counted(server: LoopbackServer) -> None:
    code, screen = run(f"{server.url}/nowhere")
    assert code == 1
    assert "80 requests, 0 right answers in their places, 80 errors" in screen.lines
    assert screen.lines[-1].startswith("The first problem: HTTPStatusError: the server answered 404 Not Found")


def test_a_server_that_cannot_start_gives_1_and_the_reason() -> None:
    @contextlib.contextmanager
    def broken() -> Iterator[Place]:
        raise RuntimeError("no room")
        yield Place("")

    screen = Lines()
    assert demo.run(screen, 1, [1], broken()) == 1
    assert screen.lines == ["The demo needs its server: no room"]


def test_without_a_number_it_sends_no_more_than_time_allows(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "PATIENCE", 1e-6)
    code, screen = run(server.url, None, [3])
    assert code == 0
    assert "At limit 3: 203 requests instead of 5,000, to end in time." in screen.lines
    assert "203 requests, 203 right answers in their places, 0 errors" in screen.lines


@pytest.mark.parametrize(
    ("right", "seconds", "patience", "expected"),
    [
        (0, 0.0, None, 5000),
        (0, 0.0, 10.0, 210),
        (1000, 1.0, None, 4000),
        (1000, 1.0, 3.0, 2000),
        (1000, 1.0, 10.0, 4000),
        (1000, 1.0, 1.1, 0),
        (4950, 1.0, 1.02, 50),
        (5000, 1.0, 10.0, 0),
        (1000, 9.0, 3.0, 0),
    ],
)
def test_the_next_batch_is_what_the_time_left_allows(
    right: int, seconds: float, patience: float | None, expected: int
) -> None:
    assert demo._next_count(Tally(10, 5000, right=right, seconds=seconds), patience) == expected


def test_an_answer_in_the_wrong_place_is_found() -> None:
    tally = Tally(1, 3)
    tally.judge([5, 6, 7], [b"5", b"7", PynectorError("broke")])
    assert (tally.right, tally.wrong, tally.errors) == (1, 1, 1)
    assert tally.problem == "asked for 6, got b'7'"
    assert tally.row() == ("1", "3", "0", "0.00", "0.00", "1", "1")


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_percentile_is_a_value_that_occurred(share: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == expected


def test_percentile_of_nothing_is_0() -> None:
    assert percentile([], 0.5) == 0.0


class Instant:
    """A transport that answers in `submit`, or fails there."""

    max_concurrency = None

    async def connect(self) -> None:
        pass

    async def disconnect(self) -> None:
        pass

    def describe(self, data: object, options: object) -> str:
        return f"instant {data!r}"

    def submit(self, data, options, deadline, completion, token):  # type: ignore[no-untyped-def]
        if data is None:
            completion.fail(token, OSError("broke"))
        else:
            completion.succeed(token, data)


@pytest.mark.anyio
async def test_meter_times_what_is_submitted() -> None:
    meter = Meter(Instant())
    async with Pynector(transport=meter) as client:
        answers = await client.batch_request([("a", {}), (None, {}), ("c", {})])
    assert answers[::2] == ["a", "c"]
    assert "[instant None]" in str(answers[1])
    assert len(meter.seconds) == 3


class Echo:
    """A transport that answers in `exchange`, or fails there."""

    max_concurrency = 2

    async def connect(self) -> None:
        pass

    async def disconnect(self) -> None:
        pass

    def describe(self, data: object, options: object) -> str:
        return f"echo {data!r}"

    async def exchange(self, data: object, /, **options: object) -> object:
        if data is None:
            raise OSError("broke")
        return data


@pytest.mark.anyio
async def test_meter_times_what_is_exchanged() -> None:
    meter = Meter(Echo())
    async with Pynector(transport=meter) as client:
        answers = await client.batch_request([("a", {}), (None, {}), ("c", {})])
    assert answers[::2] == ["a", "c"]
    assert "[echo None]" in str(answers[1])
    assert len(meter.seconds) == 3
    assert meter.max_concurrency == 2


def table_on(screen: Screen) -> None:
    screen.table(["limit", "errors"], [["1", "0"], ["1,000", "25"]])


def test_a_plain_table_is_aligned() -> None:
    screen = Lines()
    table_on(screen)
    assert screen.lines == ["limit  errors", "-----  ------", "    1       0", "1,000      25"]


def test_plain_progress_is_a_line_a_quarter() -> None:
    screen = Lines()
    with screen.progress("work", 1000) as show:
        for done in (0, 249, 250, 499, 999, 1000):
            show(done)
    assert screen.lines == [
        "work:   250 of 1,000",
        "work:   999 of 1,000",
        "work: 1,000 of 1,000",
    ]


def test_on_a_terminal_a_bar_moves_and_goes_away() -> None:
    from rich.console import Console

    output = io.StringIO()
    screen = RichScreen(Console(file=output, force_terminal=True, width=80))
    with screen.progress("work", 10) as show:
        show(5)
    screen.line("[end] of it")
    assert "10/10" not in output.getvalue()
    assert " 5/10" in output.getvalue()
    assert output.getvalue().endswith("\x1b[2K[end] of it\n")


def test_without_rich_the_screen_is_plain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    screen = open_screen()
    table_on(screen)
    assert type(screen) is Screen
    assert capsys.readouterr().out.startswith("limit  errors\n")


def test_with_rich_the_table_has_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    screen = open_screen()
    table_on(screen)
    screen.line("x" * 79)
    output = capsys.readouterr().out
    assert output.startswith("╭")
    assert max(map(len, output.splitlines())) == 79


def test_main_runs_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    assert main(["demo", "--requests", "30", "--limits", "1, 5"]) == 0
    assert "60 requests, 60 right answers" in capsys.readouterr().out


def test_what_is_not_installed_is_said_so() -> None:
    assert info.installed_version("no-such-package-of-mine") is None
    assert info.found("no-such-package-of-mine") is None
    assert info.found("anyio") == f"anyio {info.installed_version('anyio')}"
