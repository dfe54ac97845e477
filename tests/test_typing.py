"""What a strict type checker says of the snippets in README.md and docs/."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pynector
from documents import ROOT, SNIPPETS

# Snippets leave out what their readers would have to read past.
UNTYPED = ("no-untyped-def", "no-untyped-call")


def test_snippets_pass_a_strict_type_check(tmp_path: Path) -> None:
    for number, block in enumerate(SNIPPETS):
        # A snippet may await outside of a function.
        code = "async def main() -> None:\n" + textwrap.indent(block.code, "    ")
        (tmp_path / f"snippet_{number}.py").write_text(f"# {block.name}\n{code}", encoding="utf-8")
    allowed = [f"--disable-error-code={code}" for code in UNTYPED]
    cache = ["--cache-dir", str(ROOT / ".mypy_cache"), "--config-file", "/dev/null"]
    command = [sys.executable, "-m", "mypy", "--strict", *allowed, *cache, str(tmp_path)]
    environment = {**os.environ, "MYPYPATH": str(Path(pynector.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
