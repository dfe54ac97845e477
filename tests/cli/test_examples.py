"""The examples of docs/cli.md and of each --help are commands that are understood, and its jobs are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from documents import ROOT, blocks
from pynector.cli.parser import METHODS, parser
from pynector.testing import LoopbackServer


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


# The jobs


def job(
    word: str, replaced: dict[str, str], tmp_path: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the job with that word in a shell, as a user would, with some of it replaced."""
    (code,) = [
        block.code
        for block in blocks(ROOT / "docs" / "cli.md")
        if block.language == "sh" and block.code.count("pynector ") == 1 and word in block.code
    ]
    for before, after in replaced.items():
        assert before in code
        code = code.replace(before, after)
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "pynector"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pynector "$@"\n')
    program.chmod(0o755)
    found = {**environment, "PATH": f"{folder}{os.pathsep}{environment['PATH']}", "TOKEN": "s3cret"}
    return subprocess.run(
        ["sh", "-c", code], env=found, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )


needs_a_shell = pytest.mark.skipif(sys.platform == "win32", reason="there is no shell")


@needs_a_shell
def test_records_are_enriched_and_more_of_them_later(
    server: LoopbackServer, tmp_path: Path, environment: dict[str, str]
) -> None:
    records = [{"id": f"r{number}", "text": f"{number} stars", "tokens": 20} for number in range(8)]
    file, output = tmp_path / "reviews.jsonl", tmp_path / "answers.jsonl"
    before = server.stats().requests
    for count in (5, 8):
        file.write_text("".join(json.dumps(record) + "\n" for record in records[:count]))
        place = {"https://api.example.com/v1/chat/completions": f"{server.url}/echo"}
        done = job("--cost-rate", place, tmp_path, environment)
        assert done.returncode == 0, done.stderr
        assert "s3cret" not in done.stdout + done.stderr
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert server.stats().requests - before == 8
    assert {line["key"]: line["json"]["messages"][0]["content"] for line in lines} == {
        record["id"]: f"Is this positive or negative? {record['text']}" for record in records
    }


@needs_a_shell
def test_pages_are_crawled_though_one_server_hangs(
    server: LoopbackServer, tmp_path: Path, environment: dict[str, str]
) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    pages = [f"{server.url}/hang?n={number}" for number in range(4)] + [f"{other}/id/{number}" for number in range(20)]
    (tmp_path / "pages.txt").write_text("\n".join(pages))
    done = job("--per-origin", {"--timeout 10": "--timeout 5"}, tmp_path, environment)
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "pages.jsonl").read_text().splitlines()]
    assert Counter(line.get("status") for line in lines) == {200: 20, None: 4}
    # Those behind the ones that hang did not wait for them.
    assert [line["status"] for line in lines[:20]] == [200] * 20


@needs_a_shell
def test_files_are_downloaded_and_gone_on_with(
    server: LoopbackServer, tmp_path: Path, environment: dict[str, str]
) -> None:
    sizes = [0, 100_000, 2_000_000]
    (tmp_path / "files.txt").write_text("".join(f"{size}.bin {server.url}/bytes/{size}\n" for size in sizes))
    for _ in range(2):
        done = job("xargs", {}, tmp_path, environment)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert [(tmp_path / f"{size}.bin").stat().st_size for size in sizes] == sizes
