"""An output has one run at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pynector.cli import main
from pynector.cli.locking import Lock
from pynector.cli.outputs import BadOutput
from pynector.testing import LoopbackServer

pytest.importorskip("fcntl")


def test_a_second_run_is_told_and_a_killed_one_leaves_no_lock(
    server: LoopbackServer, tmp_path: Path, environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    file, output = tmp_path / "urls", tmp_path / "out.jsonl"
    file.write_text(f"{server.url}/id/1\n{server.url}/hang\n")
    command = ["batch", str(file), "--output", str(output), "--quiet"]
    with subprocess.Popen([sys.executable, "-m", "pynector", *command], env=environment) as first:
        # With its first line it has the lock.
        while not output.exists() or not output.read_bytes():
            assert first.poll() is None
            time.sleep(0.02)
        before = output.read_bytes()
        for arguments in ([], ["--resume"], ["--resume", "--retry-failed"]):
            assert main([*command, *arguments]) == 2
            assert f"{output} is the output of another run, which goes on" in capfd.readouterr().err
        assert output.read_bytes() == before
        first.kill()
    file.write_text(f"{server.url}/id/1\n")
    assert main([*command, "--resume"]) == 0
    assert output.read_bytes() == before


def test_a_lock_follows_what_is_put_in_the_place_of_its_file(tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    lock = Lock(file)
    lock.follow()
    other.write_text("new")
    other.replace(file)
    # Who comes just then has the new one, and it is the first that gives way.
    second = Lock(file)
    with pytest.raises(BadOutput, match="another run"):
        lock.follow()
    lock.release()
    second.release()
    lock = Lock(file)
    other.write_text("newer")
    other.replace(file)
    lock.follow()
    with pytest.raises(BadOutput, match="another run"):
        Lock(file)
    lock.release()
    Lock(file).release()


def test_a_file_that_went_while_it_was_opened_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    file = tmp_path / "file"
    locked = fcntl.flock

    def remove_first(descriptor: int, operation: int) -> None:
        locked(descriptor, operation)
        monkeypatch.setattr(fcntl, "flock", locked)
        file.unlink()

    monkeypatch.setattr(fcntl, "flock", remove_first)
    lock = Lock(file)
    with pytest.raises(BadOutput):
        Lock(file)
    lock.release()


def test_what_cannot_be_locked_is_used_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    one, two = Lock(Path(os.devnull)), Lock(Path(os.devnull))
    one.release()
    two.release()

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    one, two = Lock(tmp_path / "file"), Lock(tmp_path / "file")
    one.release()
    two.release()


def test_batches_to_a_device_run_side_by_side(server: LoopbackServer, tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text(f"{server.url}/id/1\n")
    lock = Lock(Path(os.devnull))
    assert main(["batch", str(file), "--output", os.devnull, "--quiet"]) == 0
    lock.release()
