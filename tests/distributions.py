"""What is in the distributions: all of the source that they were built from, and nothing else.

`python -m tests.distributions TREE FILE...` compares the files, sdists and wheels, with a clean tree of the source, and
says what is missing from them or too much.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

# What setuptools adds.
OF_SDIST = re.compile(r"PKG-INFO|setup\.cfg|src/pynector\.egg-info/.*")
OF_WHEEL = re.compile(r"pynector-[^/]*\.dist-info/.*")
EXTENSION = re.compile(r"\.(?:cp|cpython-)[^./]*\.(?:so|pyd)$")

SUFFIXES = {".py", ".pyi", ".pxd", ".typed"}


def files(tree: Path) -> set[str]:
    """The files of a source tree, without what building an sdist leaves there."""
    names = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}
    return {name for name in names if not OF_SDIST.fullmatch(name)}


def installed(tree: Path) -> set[str]:
    """The files of the source that a wheel has."""
    source = tree / "src"
    return {path.relative_to(source).as_posix() for path in source.rglob("*") if path.suffix in SUFFIXES}


def compiled(tree: Path) -> set[str]:
    """The modules that a compiled wheel has an extension of."""
    names = installed(tree)
    return {name.removesuffix(".pxd") for name in names if name.endswith(".pxd") and f"{name[:-4]}.py" in names}


def of_sdist(file: Path) -> set[str]:
    """What a sdist has beside what setuptools puts there."""
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    return {name for name in names if not OF_SDIST.fullmatch(name)}


def of_wheel(file: Path) -> tuple[set[str], set[str]]:
    """What a wheel has beside its metadata: files, and the modules of its extensions."""
    with zipfile.ZipFile(file) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/") and not OF_WHEEL.fullmatch(name)}
    extensions = {name for name in names if EXTENSION.search(name)}
    return names - extensions, {EXTENSION.sub("", name) for name in extensions}


def differences(what: str, found: set[str], expected: set[str]) -> Iterator[str]:
    for name in sorted(expected - found):
        yield f"{what} {name} is missing"
    for name in sorted(found - expected):
        yield f"{what} {name} is too much"


def faults(tree: Path, file: Path) -> Iterator[str]:
    """What is wrong with a distribution, in a line each."""
    if file.suffix != ".whl":
        yield from differences("file", of_sdist(file), files(tree))
        return
    names, extensions = of_wheel(file)
    yield from differences("file", names, installed(tree))
    is_pure = file.stem.endswith("-py3-none-any")
    yield from differences("extension", extensions, set() if is_pure else compiled(tree))


def main(tree: str, *distributions: str) -> None:
    found = [f"{Path(name).name}: {fault}" for name in distributions for fault in faults(Path(tree), Path(name))]
    if found:
        raise SystemExit("\n".join(found))
    print(f"{len(distributions)} distributions have what is in {tree}, and nothing else")


if __name__ == "__main__":
    main(*sys.argv[1:])
