"""The command: it runs for as long as it is told, and keeps what it finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .__main__ import fuzz, main
from .source import Bytes, Source
from .targets import Target

ROOT = Path(__file__).parents[2]


def test_a_target_runs_from_the_command_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "urls",
        "--random",
        "--seconds",
        "0.2",
        "--keep",
        str(tmp_path / "kept"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("urls: ")
    assert done.stdout.endswith("inputs, nothing found\n")
    assert not (tmp_path / "kept").exists()


def planted(source: Source) -> None:
    """Fails for what holds two question marks."""
    assert source.wire([]).count(b"?") < 2


def test_what_is_found_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = Target("urls", planted, [b"?", b"a"])
    assert fuzz(target, 60.0, 0, tmp_path / "kept") == 1
    (file,) = (tmp_path / "kept").iterdir()
    with pytest.raises(AssertionError):
        planted(Bytes(file.read_bytes()))
    said = capsys.readouterr().out
    assert str(file) in said
    assert "AssertionError" in said


def test_an_unknown_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "responses" in capsys.readouterr().err
