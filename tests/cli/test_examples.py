"""The examples of docs/cli.md and of each --help are commands that are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from documents import ROOT, blocks
from pynector.cli.parser import METHODS, parser


def commands_in(text: str) -> list[list[str]]:
    """The arguments of each `pynector ...` line, without what the shell does with it."""
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    found = [re.sub(r"^.*\| (?=pynector )", "", line).partition(" >")[0] for line in lines]
    return [shlex.split(line)[1:] for line in found if line.startswith("pynector ")]


DOCUMENT = "".join(block.code for block in blocks(ROOT / "docs" / "cli.md") if block.language == "sh")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN", "s3cret")
    for name, content in {"photo.jpg": "x", "item.json": "{}", "headers.txt": "A: 1"}.items():
        (tmp_path / name).write_text(content)


def test_those_of_the_document() -> None:
    commands = commands_in(DOCUMENT)
    assert len(commands) > 8
    for arguments in commands:
        assert parser().parse_args(arguments).command == arguments[0]


@pytest.mark.parametrize("command", [*METHODS, "batch", "load", "info", "demo", "bench", "completion"])
def test_those_of_the_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--help"])
    text = capsys.readouterr().out
    commands = commands_in(text[text.index("examples:") :])
    assert commands
    for arguments in commands:
        known = [argument for argument in arguments if argument != "..."]
        assert parser().parse_args(known).command == command
    assert max(map(len, text.splitlines())) <= 79
