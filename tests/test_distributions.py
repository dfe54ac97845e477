"""What the check of the distributions finds."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

import distributions

PURE = "pynector-1-py3-none-any.whl"
COMPILED = "pynector-1-cp314-cp314t-manylinux_2_28_x86_64.whl"
SOURCE = ["pynector/__init__.py", "pynector/fast.py", "pynector/fast.pxd", "pynector/only.pxd", "pynector/py.typed"]
METADATA = ["pynector-1.dist-info/METADATA", "pynector-1.dist-info/licenses/LICENSE"]
EXTENSION = "pynector/fast.cpython-314t-x86_64-linux-gnu.so"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of source files, as they are committed."""
    for name in ["setup.py", "tests/test_fast.py", *(f"src/{name}" for name in SOURCE)]:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "tree"


def wheel(folder: Path, name: str, files: Iterable[str]) -> Path:
    with zipfile.ZipFile(folder / name, "w") as archive:
        for file in files:
            archive.writestr(file, "")
    return folder / name


def sdist(tree: Path, *left_out: str) -> Path:
    file = tree.parent / "pynector-1.tar.gz"
    (tree / "PKG-INFO").touch()
    with tarfile.open(file, "w:gz") as archive:
        for name in ["PKG-INFO", *distributions.files(tree) - set(left_out)]:
            archive.add(tree / name, f"pynector-1/{name}")
    (tree / "PKG-INFO").unlink()
    return file


def test_what_is_whole_is_said_to_be(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = [
        sdist(tree),
        wheel(tree.parent, PURE, [*SOURCE, *METADATA]),
        wheel(tree.parent, COMPILED, [*SOURCE, *METADATA, EXTENSION]),
    ]
    distributions.main(str(tree), *map(str, made))
    assert capsys.readouterr().out.startswith("3 distributions")


@pytest.mark.parametrize(
    ("name", "files", "fault"),
    [
        (PURE, [*SOURCE, EXTENSION], "extension pynector/fast is too much"),
        (PURE, SOURCE[:-1], "file pynector/py.typed is missing"),
        (PURE, [*SOURCE, "tests/test_fast.py"], "file tests/test_fast.py is too much"),
        (COMPILED, SOURCE, "extension pynector/fast is missing"),
        (COMPILED, [*SOURCE, EXTENSION, "pynector/fast.c"], "file pynector/fast.c is too much"),
        (
            COMPILED,
            [*SOURCE, EXTENSION, "pynector/__pycache__/fast.cpython-314.pyc"],
            "file pynector/__pycache__/fast.cpython-314.pyc is too much",
        ),
    ],
)
def test_what_a_wheel_lacks_or_has_too_much_is_named(tree: Path, name: str, files: list[str], fault: str) -> None:
    with pytest.raises(SystemExit) as ended:
        distributions.main(str(tree), str(wheel(tree.parent, name, files)))
    assert ended.value.code == f"{name}: {fault}"


def test_what_a_sdist_lacks_is_named(tree: Path) -> None:
    with pytest.raises(SystemExit, match=r"pynector-1.tar.gz: file tests/test_fast.py is missing"):
        distributions.main(str(tree), str(sdist(tree, "tests/test_fast.py")))
