"""The command line from outside: exit codes and what is printed."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest

import pynector as package
from pynector._speedups import COMPILED
from pynector.testing import LoopbackServer

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_version_is_the_package_s(pynector: Run) -> None:
    assert pynector("--version").stdout == f"pynector {package.__version__}\n"


def test_help_names_the_commands(pynector: Run) -> None:
    done = pynector("--help")
    assert done.returncode == 0
    assert "info" in done.stdout
    assert "demo" in done.stdout


def test_no_command_gives_help_and_2(pynector: Run) -> None:
    done = pynector()
    assert done.returncode == 2
    assert done.stdout == ""
    assert "usage: pynector" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "invalid choice: 'bogus'"),
        (["info", "--wrong"], "unrecognized arguments: --wrong ('pynector info --help' names"),
        (["--wrong", "info"], "unrecognized arguments: --wrong ("),
        (["demo", "--requests", "0"], "expected a whole number from 1 to 1000000, not '0'"),
        (["demo", "--requests", "1000001"], "not '1000001'"),
        (["demo", "--requests", "many"], "not 'many'"),
        (["demo", "--requests", "-5"], "--requests"),
        (["demo", "--limits", "1,0"], "expected a whole number from 1 to 1000, not '0'"),
        (["demo", "--limits", "1,,10"], "not ''"),
        (["demo", "--limits", "1001"], "not '1001'"),
        (["demo", "--limits", "\u0663"], "expected a whole number"),
    ],
)
def test_wrong_arguments_give_2_and_say_what_is_right(pynector: Run, arguments: list[str], said: str) -> None:
    done = pynector(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("rich", [True, False])
def test_info_says_what_is_installed(pynector: Run, rich: bool) -> None:
    done = pynector("info", rich=rich)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert ["Pynector", package.__version__] in lines
    assert ["Build", "compiled" if COMPILED else "pure Python"] in lines
    assert ["Python", f"{platform.python_implementation()} {platform.python_version()}"] in lines
    assert ["httpx", version("httpx")] in lines
    assert ["anyio", version("anyio")] in lines


@pytest.mark.parametrize("rich", [True, False])
def test_demo_prints_a_table_and_what_it_proves(pynector: Run, rich: bool) -> None:
    done = pynector("demo", "--requests", "200", "--limits", "1,20", rich=rich)
    assert (done.returncode, done.stderr) == (0, "")
    assert "400 requests, 400 right answers in their places, 0 errors\n" in done.stdout
    assert "requests/s" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_reader_that_leaves_early_sees_no_traceback(environment: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    program = "import sys; sys.modules['rich'] = None; from pynector.cli import main; sys.exit(main(['info']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, env=environment
    ) as process:
        os.close(writer)
        errors = process.communicate(timeout=600)[1]
    assert (process.returncode, errors) == (1, b"")


def test_ctrl_c_ends_the_demo_with_one_line(environment: dict[str, str]) -> None:
    # A shell's job in the background, and all that it starts, would not hear of Ctrl-C otherwise.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from pynector.cli import main; "
        "sys.exit(main(['demo', '--requests', '100000', '--limits', '10,1']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        # When some are answered it is in the middle of its work.
        while "in flight" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=600)
    assert (process.returncode, errors) == (130, "\nInterrupted.\n")
    assert "right answers" not in output


@pytest.mark.skipif(os.name == "nt", reason="there is no such device, nor such a shell")
@pytest.mark.parametrize("command", ["info", "info --json", "demo --requests 1 --limits 1", "completion bash"])
def test_a_full_disk_gives_1_and_is_told(command: str, pynector: Run) -> None:
    with open("/dev/full", "w") as stdout:
        done = pynector(*command.split(), stdout=stdout, stderr=subprocess.PIPE, capture_output=False)
    assert (done.returncode, done.stderr) == (1, "pynector: No space left on device\n")


@pytest.mark.skipif(os.name == "nt", reason="there is no such shell")
@pytest.mark.parametrize(("closed", "output"), [("<&- 2>&-", "7"), ("<&- >&- 2>&-", "")])
def test_without_standard_streams_no_socket_is_one(
    closed: str, output: str, server: LoopbackServer, environment: dict[str, str]
) -> None:
    program = f'"$0" -m pynector get "$1" {closed} && "$0" -m pynector batch - {closed}'
    shell = ["sh", "-c", program, sys.executable, f"{server.url}/id/7"]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout, done.stderr) == (0, output, "")
