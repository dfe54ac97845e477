"""The hosted CI's workflows run sessions that noxfile.py has, on its Pythons and on each system, and may do no more."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import pynector

ROOT = Path(__file__).parent.parent
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
RELEASE = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
PAGES = (ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
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


def permissions(workflow: str) -> list[str]:
    return re.findall(r"^ *(\S+: (?:read|write).*)$", workflow, re.MULTILINE)


@pytest.mark.parametrize(
    ("workflow", "environment", "allowed"),
    [
        (RELEASE, "environment: pypi", ["id-token: write"]),
        (PAGES, "name: github-pages", ["pages: write", "id-token: write"]),
    ],
    ids=["release", "pages"],
)
def test_only_who_publishes_may_and_runs_no_code_of_the_project(
    workflow: str, environment: str, allowed: list[str]
) -> None:
    everything, _, publishing = workflow.partition("\n  publish:\n")
    assert permissions(everything) == ["contents: read"]
    assert permissions(publishing) == allowed
    assert environment in publishing
    assert "run:" not in publishing


def test_nothing_in_them_is_secret() -> None:
    assert permissions(WORKFLOW) == ["contents: read"]
    assert "github.ref_type == 'tag'" in RELEASE.partition("\n  publish:\n")[2]
    assert "secrets" not in WORKFLOW + RELEASE + PAGES


def test_an_action_has_one_version() -> None:
    used = set(re.findall(r"uses: (\S+)@(\S+)", WORKFLOW + RELEASE + PAGES))
    assert len(used) == len({action for action, _ in used})


def test_what_is_published_is_what_is_tested() -> None:
    assert set(re.findall(r"nox -s (\w+)", RELEASE + PAGES)) <= set(sessions())
    named = set(re.findall(r"Python :: (3\.\d+)", PROJECT))
    assert named == {python for python in assigned("PYTHONS") if not python.endswith("t")}
    (skipped,) = re.findall(r"^skip = \[(.+)\]$", PROJECT, re.MULTILINE)
    assert "cp3" not in skipped


def test_the_version_is_that_of_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(.+)\] - ", changelog, re.MULTILINE)[0] == pynector.__version__
