"""`python -m pynector.testing`, run inside this process."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from pynector.testing import __main__ as command
from pynector.testing import process
from pynector.testing.server import Listener

TIMEOUT = 20


@pytest.fixture
def stdin_writer(monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[bytes]]:
    """The end to close of a pipe that is stdin."""
    reading, writing = os.pipe()
    with open(reading, "rb") as stdin, open(writing, "wb", buffering=0) as writer:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield writer


def test_help_lists_the_endpoints(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    output = capsys.readouterr().out
    assert "/drip/N" in output
    assert "--exit-on-eof" not in output


@pytest.mark.parametrize("option", ["--uds", "--certfile"])
def test_unusable_path_is_reported_in_one_line(option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert command.main([f"{option}={tmp_path}/missing/file"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Cannot listen: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_serves_until_end_of_stdin(
    loop: str,
    stdin_writer: IO[bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if loop == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    else:
        pytest.importorskip("uvloop")
    stdin_writer.write(b"what is written there does not matter")
    listening = threading.Event()
    call_at_eof = command._call_at_eof

    def call_and_tell(descriptor: int, callback: Callable[[], object]) -> None:
        call_at_eof(descriptor, callback)
        listening.set()

    monkeypatch.setattr(command, "_call_at_eof", call_and_tell)
    closer = threading.Thread(target=lambda: (listening.wait(TIMEOUT), stdin_writer.close()))
    closer.start()
    assert command.main(["--exit-on-eof"]) == 0
    closer.join()
    output = capsys.readouterr().out
    assert output.startswith(process.READY)
    assert json.loads(output[len(process.READY) :]).keys() == {"url", "port", "control_port"}


def test_call_at_eof_survives_a_closed_loop() -> None:
    called = threading.Event()

    def callback() -> None:
        called.set()
        raise RuntimeError("Event loop is closed")

    # A descriptor that cannot be read is as good as one at its end.
    command._call_at_eof(-1, callback)
    assert called.wait(TIMEOUT)


def test_by_hand_it_prints_its_url_and_ends_with_ctrl_c() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "pynector.testing"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=process._environment(),
        encoding="utf-8",
    )
    try:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=TIMEOUT)
        with closing(connection):
            connection.request("GET", "/id/1")
            assert connection.getresponse().read() == b"1"
        child.send_signal(signal.SIGINT)
        assert child.wait(TIMEOUT) == 0
        assert "/close-delimited/N" in child.stdout.read()
    finally:
        child.kill()
        child.communicate()


def test_ctrl_c_without_a_signal_handler_is_a_normal_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_serve", interrupted)
    assert command.main([]) == 0


def test_by_hand_it_prints_the_path_of_a_socket(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def interrupted(listener: Listener, exit_on_eof: bool) -> None:
        asyncio.get_running_loop().call_later(0.01, signal.raise_signal, signal.SIGINT)
        await serve(listener, exit_on_eof)

    serve = command._serve
    monkeypatch.setattr(command, "_serve", interrupted)
    assert command.main([f"--uds={tmp_path}/socket"]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/socket http://localhost\n")


# The limit on open files


class FakeResource(SimpleNamespace):
    RLIMIT_NOFILE = 7

    def __init__(self, soft: int, hard: int, error: Exception | None = None) -> None:
        super().__init__(limits=(soft, hard), error=error)

    def getrlimit(self, which: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        if self.error is not None:
            raise self.error
        self.limits = limits


@pytest.mark.parametrize(
    ("resource", "limits"),
    [
        (FakeResource(10, 99), (99, 99)),
        (FakeResource(99, 99, ValueError("not called")), (99, 99)),
        (FakeResource(10, 99, OSError("not allowed")), (10, 99)),
    ],
)
def test_limit_on_open_files_is_raised(
    resource: FakeResource, limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resource", resource)
    command._allow_many_connections()
    assert resource.limits == limits


def test_system_without_such_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    command._allow_many_connections()
