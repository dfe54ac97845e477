"""The hosted CI's workflow runs sessions that noxfile.py has, on its Pythons and on each system."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
NOXFILE = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))


def matrix(name: str) -> list[str]:
    """The values of a list in a job's matrix."""
    found = re.search(rf"^        {name}: \[(.+)\]$", WORKFLOW, re.MULTILINE)
    assert found, name
    return [value.strip(' "') for value in found[1].split(",")]


def assigned(name: str) -> Any:
    """What the noxfile assigns to a name."""
    (value,) = (
        node.value for node in NOXFILE.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return ast.literal_eval(value)


def sessions() -> dict[str, bool]:
    """The names of nox's sessions, and whether each has one for every Python."""
    return {
        node.name: "python=PYTHONS" in ast.unparse(decorator)
        for node in NOXFILE.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if ast.unparse(decorator).startswith("nox.session")
    }


def test_both_builds_run_on_every_python_and_system() -> None:
    assert matrix("python") == assigned("PYTHONS")
    assert {system.split("-")[0] for system in matrix("os")} == {"ubuntu", "macos", "windows"}
    assert set(matrix("build")) == {name for name, everywhere in sessions().items() if everywhere}


def test_the_other_sessions_are_there() -> None:
    assert set(matrix("session")) <= {name for name, everywhere in sessions().items() if not everywhere}


def test_nothing_in_it_may_write_or_is_secret() -> None:
    assert re.findall(r"^ *(\w+): (?:read|write).*$", WORKFLOW, re.MULTILINE) == ["contents"]
    assert "secrets" not in WORKFLOW
