"""What strict type checkers say of the snippets in README.md and docs/, of examples/, and of what is right or wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import pynector
import signatures
from documents import ROOT, SNIPPETS
from pynector import options
from pynector.config import Setting
from pynector.transport.http.options import CLIENT_SETTINGS, REQUEST_SETTINGS
from pynector.transport.http.request import FIELDS
from pynector.transport.websocket.options import SETTINGS

SOURCE = Path(pynector.__file__).parents[1]
TYPING = ROOT / "tests" / "typing"

# Snippets leave out what their readers would have to read past; pandas has no types of its own; and what is not here is
# where they run.
UNTYPED = ("no-untyped-def", "no-untyped-call", "import-untyped", "import-not-found")
UNTYPED_TOO = (
    "reportMissingImports",
    "reportMissingParameterType",
    "reportUnknown",
    "reportUnused",
    "reportMissingType",
    "reportDeprecated",
)

Faults = dict[str, set[int]]


def mypy(folder: Path, allowed: Iterable[str] = ()) -> tuple[Faults, str]:
    """What mypy finds wrong, lines by file, and what it prints."""
    # It takes 20 s to read these two; pyright reads them at once.
    (folder / "mypy.ini").write_text("[mypy]\n[mypy-anthropic.*,openai.*]\nfollow_imports = skip\n", encoding="utf-8")
    cache = ["--cache-dir", str(ROOT / ".mypy_cache"), "--config-file", "mypy.ini", "--follow-imports", "silent"]
    codes = [f"--disable-error-code={code}" for code in allowed]
    command = [sys.executable, "-m", "mypy", "--strict", *codes, *cache, str(folder)]
    environment = {**os.environ, "MYPYPATH": str(SOURCE)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=folder, env=environment)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    faults: Faults = {}
    for name, line in re.findall(r"([^/\n]+\.py):(\d+): error: ", done.stdout):
        faults.setdefault(name, set()).add(int(line))
    return faults, done.stdout


def pyright(folder: Path, allowed: Iterable[str] = ()) -> tuple[Faults, str]:
    """What pyright finds wrong, lines by file, and what it says."""
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.10", "extraPaths": [str(SOURCE)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=folder)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    faults: Faults = {}
    found = [
        fault
        for fault in json.loads(done.stdout)["generalDiagnostics"]
        if fault["severity"] == "error" and not fault.get("rule", "").startswith(tuple(allowed))
    ]
    for fault in found:
        faults.setdefault(Path(fault["file"]).name, set()).add(fault["range"]["start"]["line"] + 1)
    return faults, json.dumps(found, indent=1)


Checker = Callable[..., tuple[Faults, str]]

checkers = pytest.mark.parametrize(("check", "untyped"), [(mypy, UNTYPED), (pyright, UNTYPED_TOO)])


@checkers
def test_snippets_and_examples(check: Checker, untyped: tuple[str, ...], tmp_path: Path) -> None:
    for number, block in enumerate(SNIPPETS):
        # A snippet may await outside of a function.
        code = "async def main() -> None:\n" + textwrap.indent(block.code, "    ")
        (tmp_path / f"snippet_{number}.py").write_text(f"# {block.name}\n{code}", encoding="utf-8")
    for example in (ROOT / "examples").glob("*.py"):
        (tmp_path / f"example_{example.name}").write_bytes(example.read_bytes())
    faults, told = check(tmp_path, untyped)
    assert not faults, told


@checkers
def test_what_is_right_and_what_is_wrong(check: Checker, untyped: tuple[str, ...], tmp_path: Path) -> None:
    for file in TYPING.glob("*.py"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    faults, told = check(tmp_path)
    lines = (TYPING / "wrong.py").read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(wrong) > 15
    assert faults == {"wrong.py": wrong}, told


def test_what_they_are_told_of_the_blocking_client_is_what_is_so_of_the_other() -> None:
    assert signatures.FILE.read_text(encoding="utf-8") == signatures.made(), "python -m tests.signatures --write"


def names(*settings: Setting) -> set[str]:
    return {setting.name for setting in settings}


def test_they_know_all_options() -> None:
    def keys(kind: type) -> set[str]:
        return set(kind.__annotations__)

    of_client = names(*pynector.client._SETTINGS)
    of_request = names(*REQUEST_SETTINGS) - {"as_response"}
    assert keys(options.ClientOptions) == of_client
    assert keys(options.HTTPClientOptions) == of_client | names(*CLIENT_SETTINGS) | of_request
    assert keys(options.WebSocketClientOptions) == of_client | names(*SETTINGS)
    own = pynector.client.OF_REQUEST
    assert keys(options.HTTPRequestOptions) == (of_request | set(FIELDS) | {"auth"} | own) - {"data"}
    assert keys(options.HTTPMethodOptions) == (of_request | set(FIELDS) | {"auth"} | own) - {"method", "path", "url"}
    assert keys(options.HTTPOptions) == (of_request | set(FIELDS) | {"auth"}) - {"data"}
    assert keys(options.HTTPBatchOptions) == keys(options.HTTPOptions) | keys(options.BatchOptions)
