"""The soak: what it takes for flat, and that it runs."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from pynector.cli.plot import obstacle

from .command import main
from .samples import Sample, growth, more_files, percentile, problems

MIB = 1 << 20


def samples(grows: float = 0.0, files: int = 0, minutes: float = 20.0, blocks: float = 0.0) -> list[Sample]:
    """A sample each 5 seconds: 60 MiB at first, with some noise and a peak, and 100 descriptors."""
    chance = Random(1)
    made = []
    for number in range(int(minutes * 12)):
        time = 5.0 * number
        memory = (30 + 30 * min(1, time / 60)) * MIB * (1 + grows * time / (minutes * 60))
        noise = chance.uniform(-MIB, MIB) + (20 * MIB if number % 50 == 7 else 0)
        used = int(200_000 * (1 + blocks * time / (minutes * 60)))
        made.append(Sample(time, 1000.0, used, int(memory + noise), 100 + files * number // 100, 0.01, 0.1))
    return made


def test_flat_lines_are_no_problem() -> None:
    assert problems(samples()) == []
    assert abs(growth(samples(), "memory") or 1.0) < 0.005
    assert growth(samples(), "blocks") == 0.0


def test_growth_is_a_problem() -> None:
    (said,) = problems(samples(grows=0.05))
    assert said.startswith("resident memory grew by 4.")
    (said,) = problems(samples(blocks=0.02))
    assert said.startswith("memory in use grew by 1.")
    assert growth(samples(grows=-0.05), "memory") == pytest.approx(-0.045, abs=0.005)


def test_descriptors_that_become_more_are_a_problem() -> None:
    assert more_files(samples(files=20)) == 36
    (said,) = problems(samples(files=20))
    assert said == "there are 36 descriptors more at the end than at the beginning"


def test_a_short_soak_tells_nothing_of_memory() -> None:
    assert growth(samples(grows=1.0, minutes=3), "memory") is None
    assert growth([], "blocks") is None
    assert more_files([]) == 0


def test_percentiles() -> None:
    values = [float(value) for value in range(100)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([1.0], 0.99)) == (50.0, 99.0, 1.0)
    assert percentile([], 0.5) == 0.0


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_soak_runs_and_writes_what_it_measured(loop: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "soak.png"
    status = main(["--minutes", "0.01", "--loop", loop, "--concurrency", "20", "--plot", str(picture)])
    said = capsys.readouterr().out
    assert status == 0, said
    assert "0 problems" in said
    figures = json.loads(picture.with_suffix(".json").read_text())
    assert figures["samples"][0]["rate"] > 0
    assert set(figures["counts"]) == {figures["engine"], "fifo", "id"}
    assert picture.exists() == (obstacle(picture) is None)


@pytest.mark.parametrize("wrong", [["--minutes", "0"], ["--concurrency", "1"]], ids=str)
def test_what_makes_no_sense_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as info:
        main(wrong)
    assert info.value.code == 2
