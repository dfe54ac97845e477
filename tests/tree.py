"""The tree of the package in docs/architecture.md, made of what stands first in each file.

`python -m tests.tree` prints it, and with `--write` puts it on the page.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "pynector"
PAGE = ROOT / "docs" / "architecture.md"

BEGIN = "<!-- The tree: python -m tests.tree --write -->\n```text\n"
END = "```\n<!-- The end of the tree -->\n"


def about(path: Path) -> str:
    """What a file says of itself first: one sentence, or the first line of it."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".pxd":
        first = source.partition("\n")[0].lstrip("# ")
    else:
        first = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    return first.partition(". ")[0].rstrip(".:")


def files(folder: Path) -> list[Path]:
    """The files of a folder that are a line each: modules, and declarations of C that are no module's."""
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    declared = [path for path in folder.glob("*.pxd") if not path.with_suffix(".py").exists()]
    return sorted([*modules, *declared])


def folders(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/__init__.py"))


def lines(folder: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a folder: itself, its files, its folders. A star marks what is compiled."""
    yield line(depth, f"{folder.name}/", about(folder / "__init__.py"))
    for path in files(folder):
        star = "*" if path.suffix == ".py" and path.with_suffix(".pxd").exists() else ""
        yield line(depth + 1, path.name + star, about(path))
    for inner in folders(folder):
        yield from lines(inner, depth + 1)


def line(depth: int, name: str, said: str) -> str:
    return f"{'  ' * depth + name:<26}  {said}".rstrip()


def made() -> str:
    """The tree as it is."""
    return "".join(f"{text}\n" for text in lines(PACKAGE))


def shown() -> str:
    """The tree on the page."""
    page = PAGE.read_text(encoding="utf-8")
    return page.partition(BEGIN)[2].partition(END)[0]


def write() -> None:
    """Put the tree on the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} has no place for the tree")
    PAGE.write_text(before + begin + made() + end + after, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        print(made(), end="")
