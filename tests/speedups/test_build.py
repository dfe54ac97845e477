"""Which of the two builds runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import pynector
from pynector import _speedups as speedups

FOLDER = Path(pynector.__file__).parents[1]
FILES = {
    ".".join(path.relative_to(FOLDER).with_suffix("").parts): path
    for path in sorted(FOLDER.glob("pynector/**/*.py"))
    if path.with_suffix(".pxd").exists()
}
MODULES = list(FILES)

SHOW = """
import importlib, sys
import pynector
print(pynector._speedups.COMPILED)
for name in sys.argv[1:]:
    print(importlib.import_module(name).__file__)
"""


def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYNECTOR_PURE"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


def has_extension(module: str) -> bool:
    path = FILES[module]
    return any(path.parent.glob(f"{path.stem}.*.so")) or any(path.parent.glob(f"{path.stem}.*.pyd"))


def test_the_hot_path_is_there() -> None:
    batches = {f"pynector._speedups.{name}" for name in ("accumulator", "dispatcher", "results", "scheduler")}
    assert batches < set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_compiled_agrees_with_the_file_that_was_loaded(module: str) -> None:
    loaded = str(import_module(module).__file__)
    assert loaded.endswith(".py") is not speedups.COMPILED


def test_pure_takes_the_source_files() -> None:
    done = run(SHOW, *MODULES, PYNECTOR_PURE="1")
    compiled, *files = done.stdout.split()
    assert compiled == "False"
    assert files == [str(path) for path in FILES.values()]


@pytest.mark.parametrize("environment", [{}, {"PYNECTOR_PURE": "0"}, {"PYNECTOR_PURE": ""}])
def test_without_pure_the_extensions_run_where_they_are(environment: dict[str, str]) -> None:
    done = run(SHOW, *MODULES, **environment)
    compiled, *files = done.stdout.split()
    assert compiled == str(has_extension("pynector._speedups.accumulator"))
    for module, file in zip(MODULES, files, strict=True):
        assert file.endswith(".py") is not has_extension(module)


@pytest.mark.parametrize("value", ["yes", "2", "true", " 1"])
def test_another_value_is_refused_by_name(value: str) -> None:
    done = run("import pynector", PYNECTOR_PURE=value)
    assert done.returncode != 0
    assert f"PYNECTOR_PURE must be 0 or 1, not {value!r}" in done.stderr


def test_pure_leaves_other_packages_alone() -> None:
    code = """
import sys
import pynector
finder = next(f for f in sys.meta_path if getattr(f, "__name__", "") == "_SourceOnly")
assert finder.find_spec("json", None) is None
assert finder.find_spec("json.decoder", ["/"]) is None
assert finder.find_spec("pynector.nothing", pynector.__path__) is None
import json.decoder
"""
    done = run(code, PYNECTOR_PURE="1")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(find_spec("Cython") is None, reason="nothing can be built")
@pytest.mark.skipif(sys.platform == "win32", reason="its compiler is found in another way")
def test_a_build_that_fails_leaves_no_extension_of_an_earlier_one(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "setup.py", tmp_path)
    package = tmp_path / "src" / "package"
    package.mkdir(parents=True)
    (package / "module.py").write_text("def answer():\n    return 42\n")
    (package / "module.pxd").write_text("cpdef object answer()\n")
    (package / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "package"\nversion = "1"\n')
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    outcomes = []
    for compiler in (None, "false"):
        (package / "module.py").touch()
        environment = {**os.environ, "PYNECTOR_CYTHON": "auto", **({} if compiler is None else {"CC": compiler})}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        outcomes.append(len(list(package.glob("*.so"))))
    if not outcomes[0]:
        pytest.skip("there is no compiler here")
    assert outcomes == [1, 0]
