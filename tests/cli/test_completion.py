"""`pynector completion`: real shells complete real command lines with what it prints."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from pynector.cli import main
from pynector.cli.parser import parser

pty = pytest.importorskip("pty")

SETTING_UP = {
    "bash": "source ./script",
    "zsh": "autoload -U compinit; compinit -D -u; source ./script",
}
OPTIONS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}

# A key in each: what is typed, and what the command gets.
CASES = [
    ("ba\t", "batch"),
    ("batch --forma\tj\t", "batch --format jsonl"),
    ("batch ite\t--outp\tresu\t", "batch items.csv --output results.jsonl"),
    ("load --conc\t", "load --concurrency"),
    ("load http://x/ --dura\t", "load http://x/ --duration"),
    ("load --plo\tite\t", "load --plot items.csv"),
    ("completion fi\t", "completion fish"),
    ("get --downl\tite\t", "get --download items.csv"),
    # A value that can be anything is not a file.
    ("get --timeout ite\t", "get --timeout ite"),
    ("--ver\t", "--version"),
]


@pytest.fixture
def script(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """A folder with two files, and a place for the script."""
    for name in ("items.csv", "results.jsonl"):
        (tmp_path / name).touch()
    return tmp_path / "script"


class Shell:
    """An interactive shell on a terminal, in which `pynector` prints what it was given."""

    def __init__(self, name: str, folder: Path) -> None:
        self.ours, theirs = pty.openpty()
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "PS1": "$ ", "LC_ALL": "C"}
        self.process = subprocess.Popen(
            [name, *OPTIONS[name]],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self.write(f"pynector() {{ printf '<%s>' \"$*\"; }}; {SETTING_UP[name]}; echo set''up\r")
        self.read_until(rb"setup\r?\n")

    def write(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def read_until(self, pattern: bytes) -> bytes:
        """Return what the pattern's last group has, in what comes."""
        said, end = b"", time.monotonic() + 120
        while not (found := re.search(pattern, said)):
            assert time.monotonic() < end, said
            if select.select([self.ours], [], [], 1)[0]:
                said += os.read(self.ours, 65536)
        return found[found.lastindex or 0]

    def completed(self, typed: str) -> str:
        self.write(f"pynector {typed}\r")
        return self.read_until(rb"<([^<>\r\n]*)>").decode()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.mark.parametrize("name", [name for name in OPTIONS if shutil.which(name)])
def test_an_interactive_shell_completes(name: str, script: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", name]) == 0
    script.write_text(capfd.readouterr().out)
    shell = Shell(name, script.parent)
    try:
        for typed, expected in CASES:
            assert shell.completed(typed).rstrip() == expected
        if name == "bash":
            assert shell.completed("batch --format=u\t").rstrip() == "batch --format=urls"
    finally:
        shell.close()


@pytest.mark.parametrize("name", [name for name in ("fish",) if shutil.which(name)])
def test_fish_completes(name: str, script: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", name]) == 0
    script.write_text(capfd.readouterr().out)

    def offered(line: str) -> list[str]:
        done = subprocess.run(
            [name, "--no-config", "-c", f"source ./script; complete -C '{line}'"],
            cwd=script.parent,
            capture_output=True,
            text=True,
            timeout=600,
            env={"PATH": os.environ["PATH"], "HOME": str(script.parent)},
        )
        assert done.stderr == ""
        return [line.partition("\t")[0] for line in done.stdout.splitlines()]

    assert offered("pynector ba") == ["batch"]
    assert offered("pynector batch --form") == ["--format"]
    assert sorted(offered("pynector batch --format ")) == ["csv", "jsonl", "tsv", "urls"]
    assert offered("pynector batch ite") == ["items.csv"]
    assert offered("pynector batch --output resu") == ["results.jsonl"]
    assert offered("pynector get --timeout ite") == []
    assert sorted(offered("pynector completion ")) == ["bash", "fish", "zsh"]


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_script_has_all_that_the_parser_knows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", name]) == 0
    text = capsys.readouterr().out
    with pytest.raises(SystemExit):
        parser().parse_args(["batch", "--help"])
    flags = set(re.findall(r"(?<=--)[a-z][a-z0-9-]+", capsys.readouterr().out.partition("examples:")[0]))
    assert len(flags) > 25
    for flag in flags:
        assert re.search(rf"(--|-l ){flag}\b", text), flag


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["completion", "csh"])
    assert "invalid choice: 'csh'" in capsys.readouterr().err
