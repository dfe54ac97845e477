"""How far a batch has come: the numbers, who is told of them, and what is written where no terminal is."""

from __future__ import annotations

import functools
import io
import math
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from pynector import BatchProgress, ConfigurationError
from pynector.dispatch.bar import drawing, duration, line, per_time
from pynector.dispatch.progress import Counts, Reporter, Speed, total_of
from pynector.dispatch.reporting import Wanted, checked_progress, reported


class Told:
    """A listener."""

    def __init__(self) -> None:
        self.shown: list[BatchProgress] = []
        self.ended: list[BatchProgress] = []

    def show(self, progress: BatchProgress) -> None:
        self.shown.append(progress)

    def end(self, progress: BatchProgress) -> None:
        self.ended.append(progress)


class Running:
    """A batch and a clock, both moved by hand."""

    def __init__(self, total: int | None = 100) -> None:
        self.now = 1000.0
        self.done = 0
        self.failed = 0
        self.total = total

    def clock(self) -> float:
        return self.now

    def counts(self) -> Counts:
        return Counts(self.done, self.failed, 1, 10, 3, self.total)

    def reporter(self, *listeners: Any) -> Reporter:
        return Reporter(self.counts, self.clock, listeners)

    def go_on(self, seconds: float, done: int) -> None:
        self.now += seconds
        self.done += done


def progress_at(done: int = 40, total: int | None = 100, **others: Any) -> BatchProgress:
    numbers: dict[str, Any] = {"failed": 0, "retried": 0, "in_flight": 0, "waiting": 0}
    numbers |= {"elapsed": 1.0, "rate": 0.0, "eta": None, **others}
    return BatchProgress(done=done, total=total, **numbers)


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What `sys.unraisablehook` is given."""
    found: list[BaseException] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: found.append(unraisable.exc_value))
    return found


# Numbers


def test_a_rate_is_that_of_the_last_seconds() -> None:
    speed = Speed(0.0, 0)
    assert [speed.per_second(now, now * 10) for now in range(1, 60)] == [10.0] * 59
    assert [speed.per_second(now, 590 + (now - 59) * 30) for now in range(60, 80)][-1] == 30.0
    # Nothing comes any more: it sinks, and not at once.
    rates = [speed.per_second(now, 1190) for now in range(80, 120)]
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 1


def test_a_slow_rate_does_not_jump_with_each_result() -> None:
    speed = Speed(0.0, 0)
    rates = [speed.per_second(now / 4, now // 4 // 30) for now in range(1, 4 * 3600)]
    assert all(0.031 < rate < 0.036 for rate in rates[4 * 1200 :])


def test_a_rate_has_few_samples_however_long_it_goes() -> None:
    speed = Speed(0.0, 0)
    for now in range(100_000):
        speed.per_second(now / 4, now if now < 50_000 else 50_000)
    assert len(speed._samples) < 100


def test_what_is_told_of_a_batch() -> None:
    batch, told = Running(), Told()
    reporter = batch.reporter(told)
    reporter.tell()
    assert told.shown == [progress_at(0, retried=1, in_flight=10, waiting=3, elapsed=0.0)]
    batch.go_on(2.0, 20)
    batch.failed = 4
    reporter.tell()
    assert told.shown[1] == progress_at(
        20, failed=4, retried=1, in_flight=10, waiting=3, elapsed=2.0, rate=10.0, eta=8.0
    )
    assert told.shown[1].fraction == 0.2
    batch.go_on(98.0, 80)
    reporter.finish()
    reporter.finish()
    reporter.tell()
    assert len(told.shown) == 2
    # The last rate is that of the whole batch.
    assert [(last.elapsed, last.rate, last.eta) for last in told.ended] == [(100.0, 1.0, 0.0)]


def test_what_was_there_at_the_beginning_is_done_and_was_not_fast() -> None:
    batch, told = Running(), Told()
    batch.done = 60
    reporter = batch.reporter(told)
    batch.go_on(2.0, 2)
    reporter.tell()
    reporter.finish()
    assert [(each.done, each.rate, each.eta) for each in told.shown + told.ended] == [(62, 1.0, 38.0), (62, 1.0, 0.0)]


def test_a_batch_of_unknown_length_has_no_end_that_could_be_told() -> None:
    batch, told = Running(None), Told()
    reporter = batch.reporter(told)
    batch.go_on(1.0, 5)
    reporter.tell()
    assert (told.shown[0].eta, told.shown[0].fraction) == (None, None)
    assert progress_at(0, 0).fraction == 1.0
    assert progress_at(7, 5).fraction == 1.0


def test_progress_is_a_value() -> None:
    progress = progress_at()
    assert pickle.loads(pickle.dumps(progress)) == progress
    with pytest.raises(AttributeError):
        progress.done = 5  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        progress.other = 5  # type: ignore[attr-defined]


def test_total_of() -> None:
    class Odd(list[int]):
        def __len__(self) -> int:
            raise OSError

    assert [total_of(each) for each in ([1, 2], {1: 2}, range(9), iter([1]), Odd())] == [2, 1, 9, None, None]


# Who is told


@pytest.mark.anyio
async def test_it_is_told_now_and_then_and_at_the_end() -> None:
    batch = Running()
    enough = anyio.Event()

    class Counting(Told):
        def show(self, progress: BatchProgress) -> None:
            super().show(progress)
            if len(self.shown) == 5:
                enough.set()

    told = Counting()
    reporter = Reporter(batch.counts, batch.clock, [told], 0.001)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reporter.run)
        await enough.wait()
        tasks.cancel_scope.cancel()
    assert told.ended == []
    reporter.finish()
    assert len(told.ended) == 1
    # Nobody is left.
    await reporter.run()


@pytest.mark.anyio
@pytest.mark.parametrize("error", [None, ValueError("of the batch"), KeyboardInterrupt()])
async def test_the_end_is_told_however_it_comes(error: BaseException | None) -> None:
    batch = Running()
    told: list[BatchProgress] = []
    raised = None
    try:
        async with reported(Wanted(told.append, False), batch.counts, batch.clock):
            batch.done = 100
            if error is not None:
                raise error
    except BaseException as escaped:
        raised = escaped
    assert raised is error
    assert told[-1].done == 100


@pytest.mark.anyio
async def test_the_end_of_what_is_cancelled_is_told() -> None:
    batch = Running()
    told: list[BatchProgress] = []
    begun = anyio.Event()

    def take(progress: BatchProgress) -> None:
        told.append(progress)
        begun.set()

    with anyio.CancelScope() as scope:
        async with reported(Wanted(take, False), batch.counts, batch.clock):
            await begun.wait()
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert len(told) == 2


@pytest.mark.anyio
async def test_where_nobody_wants_to_know_nothing_is_counted() -> None:
    async with reported(None, pytest.fail, pytest.fail):  # type: ignore[arg-type]
        pass


class OddEnd(BaseException):
    """What is no error, and no cancellation."""


@pytest.mark.anyio
@pytest.mark.parametrize("error", [ValueError("of a listener"), OddEnd()])
async def test_a_function_that_raises_is_told_of_once_and_not_called_again(
    error: BaseException, raised: list[BaseException]
) -> None:
    batch, other = Running(), Told()
    calls = []

    def fail(progress: BatchProgress) -> None:
        calls.append(progress)
        raise error

    reporter = batch.reporter(*Wanted(fail, False).listeners(), other)
    for _ in range(3):
        reporter.tell()
    reporter.finish()
    assert (len(calls), raised) == (1, [error])
    assert (len(other.shown), len(other.ended)) == (3, 1)


@pytest.mark.anyio
async def test_a_function_that_fails_at_the_end_is_told_of(raised: list[BaseException]) -> None:
    batch = Running()
    batch.reporter(*Wanted(lambda progress: 1 / 0, False).listeners()).finish()  # type: ignore[arg-type]
    assert [type(error) for error in raised] == [ZeroDivisionError]


@pytest.mark.anyio
async def test_what_ends_the_program_passes() -> None:
    batch = Running()

    def stop(progress: BatchProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch.reporter(*Wanted(stop, False).listeners()).tell()


@pytest.mark.anyio
async def test_a_function_that_hides_a_coroutine_is_told_of(raised: list[BaseException]) -> None:
    batch = Running()
    wanted = checked_progress(lambda progress: _coroutine(progress), False)
    assert wanted is not None
    batch.reporter(*wanted.listeners()).finish()
    assert [str(error) for error in raised] == ["on_progress returned a coroutine, which nobody awaits"]


# What may be given


async def _coroutine(progress: BatchProgress) -> None: ...


async def _asynchronous(progress: BatchProgress) -> Any:
    yield progress


def _generator(progress: BatchProgress) -> Iterator[BatchProgress]:
    yield progress


class _Callable:
    async def __call__(self, progress: BatchProgress) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (_coroutine, "plain function"),
        (functools.partial(_coroutine), "plain function"),
        (_Callable(), "plain function"),
        (_asynchronous, "plain function"),
        (_generator, "plain function"),
        (5, "must be a function, not 5"),
        ("print", "must be a function"),
        (lambda: None, "one argument"),
        (lambda done, total: None, "one argument"),
    ],
)
def test_what_cannot_be_told_is_refused(function: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^on_progress .*{said}"):
        checked_progress(function, False)


@pytest.mark.parametrize("progress", [1, None, "yes", print])
def test_progress_is_true_or_false(progress: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^progress must be True or False"):
        checked_progress(None, progress)


@pytest.mark.parametrize("function", [print, [].append, lambda *given: None, Told().show, functools.partial(print, 1)])
def test_any_plain_function_will_do(function: Any) -> None:
    assert checked_progress(function, False) == Wanted(function, False)
    assert checked_progress(None, True) == Wanted(None, True)
    assert checked_progress(None, False) is None


# What is said


def test_what_is_said_of_a_batch() -> None:
    told = progress_at(
        12345, 1_000_000, failed=12, retried=3456, in_flight=100, waiting=5, elapsed=5.0, rate=2345.6, eta=421.08
    )
    assert line(told, False) == (
        "12,345/1,000,000 (1%), 2,346/s, 7:01 left, 12 failed, 3,456 retried, 100 in flight, 5 waiting"
    )
    assert line(progress_at(0), False) == "0/100 (0%), 0.0/s"
    assert line(progress_at(1999, None, rate=0.051), False) == "1,999 done, 3.1/min"
    assert line(progress_at(999, 1000, rate=1.26, elapsed=3725.0, eta=0.8), True) == (
        "999/1,000 (99%), 1.3/s, took 1:02:05"
    )


def test_words_for_numbers() -> None:
    assert [per_time(rate) for rate in (0.0, 0.5, 1, 99.94, 100, 12345.6)] == [
        "0.0/s", "30.0/min", "1.0/s", "99.9/s", "100/s", "12,346/s",
    ]  # fmt: skip
    assert [duration(seconds) for seconds in (0, 59.6, 3599, 360_000)] == ["0:00", "1:00", "59:59", "100:00:00"]
    assert math.isfinite(Speed(0.0, 0).per_second(0.0, 5))


# Where no terminal is


def shown_each_second(stream: Any, seconds: int) -> None:
    """Show a batch of 100 a second on a stream, four times a second."""
    drawn = drawing(stream)
    assert drawn is not None
    for quarter in range(seconds * 4):
        elapsed = quarter / 4
        drawn.show(progress_at(int(elapsed * 100), 1500, elapsed=elapsed, rate=100.0, eta=15 - elapsed))
    drawn.end(progress_at(seconds * 100, 1500, elapsed=seconds, rate=100.0))


LINES = """\
pynector: 500/1,500 (33%), 100/s, 0:10 left
pynector: 1,000/1,500 (66%), 100/s, 0:05 left
pynector: 1,500/1,500 (100%), 100/s, took 0:15
"""


def test_a_file_gets_a_line_every_five_seconds_and_a_last_one() -> None:
    stream = io.StringIO()
    shown_each_second(stream, 15)
    assert stream.getvalue() == LINES


def test_a_pipe_gets_it_at_once() -> None:
    reading, writing = os.pipe()
    # Nothing is flushed but by what writes.
    with open(writing, "w", buffering=100_000) as stream, open(reading, "rb", buffering=0) as read:
        shown_each_second(stream, 15)
        assert read.read(10_000).decode().splitlines() == LINES.splitlines()


def test_standard_error_is_the_one_there_is_when_the_batch_begins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Running()
    batch.done = 100
    batch.reporter(*Wanted(None, True).listeners()).finish()
    assert capsys.readouterr() == (
        "",
        "pynector: 100/100 (100%), 0.0/s, took 0:00, 1 retried, 10 in flight, 3 waiting\n",
    )
    # As a program without a console has it.
    monkeypatch.setattr(sys, "stderr", None)
    assert Wanted(None, True).listeners() == []


class Full(io.StringIO):
    """A stream that cannot be written to for a while."""

    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise BlockingIOError
        return super().write(text)


class Odd:
    """What is hardly a stream."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def _closed() -> Any:
    stream = io.StringIO()
    stream.close()
    return stream


def _broken() -> Any:
    reading, writing = os.pipe()
    os.close(reading)
    return open(writing, "wb", buffering=0)


class Text(io.TextIOBase):
    """Text over a raw file, and nothing kept back."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.calls = 0

    def write(self, text: str) -> int:
        self.calls += 1
        return self._raw.write(text.encode())


def test_what_cannot_be_written_to_is_let_be() -> None:
    shown_each_second(_closed(), 15)
    with _broken() as raw:
        stream = Text(raw)
        shown_each_second(stream, 15)
        assert stream.calls == 1
    full = Full()
    drawn = drawing(full)
    assert drawn is not None
    drawn.show(progress_at(elapsed=5.0))
    full.is_full = False
    drawn.end(progress_at())
    assert full.getvalue() == "pynector: 40/100 (40%), 0.0/s, took 0:01\n"


@pytest.mark.parametrize("make", [Odd, object])
def test_what_is_no_stream_is_let_be(make: Callable[[], Any], raised: list[BaseException]) -> None:
    shown_each_second(make(), 15)
