"""The house: what may import what, what is public, how large things may grow, and the page that shows it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

import pynector
import tree

ROOT = Path(pynector.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(("pynector", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


MODULES = sorted(map(module_of, FILES))

# Each part of the package, and the parts that it may import. Nothing imports upward.
BELOW = {
    "_version": set(),
    "answer": set(),
    "causes": set(),
    "errors": {"causes"},
    "groups": set(),
    "stats": set(),
    "templates": set(),
    "threads": set(),
    "unraisable": set(),
    "_speedups": set(),
    "config": {"errors"},
    "opening": {"errors"},
    "eventloop": {"errors"},
    "reactor": {"eventloop", "unraisable"},
    "callbacks": {"eventloop", "reactor", "threads", "unraisable"},
    "transport": {
        "_speedups",
        "_version",
        "callbacks",
        "causes",
        "config",
        "errors",
        "eventloop",
        "groups",
        "threads",
        "unraisable",
    },
    "telemetry": {"_speedups", "errors", "transport", "unraisable"},
    "dispatch": {
        "_speedups",
        "answer",
        "callbacks",
        "causes",
        "config",
        "errors",
        "eventloop",
        "groups",
        "telemetry",
        "transport",
        "unraisable",
    },
    "options": {"dispatch"},
    "scopes": {"eventloop"},
    "session": {"_speedups", "callbacks", "dispatch", "errors", "eventloop", "scopes", "stats", "transport"},
    "lifecycle": {"config", "errors", "eventloop", "session", "stats", "telemetry", "transport"},
    "plan": {"config", "dispatch"},
    "calls": {"_speedups", "dispatch", "errors", "lifecycle", "plan", "session", "stats", "telemetry"},
    "streamcall": {"dispatch", "errors", "eventloop", "lifecycle", "opening", "session", "telemetry"},
    "eventstream": {"config", "errors", "opening", "transport"},
    "downloads": {"config", "errors", "transport"},
    "shorthands": {"answer", "downloads", "errors", "eventstream", "options", "transport"},
    "batching": {
        "answer",
        "calls",
        "dispatch",
        "errors",
        "lifecycle",
        "opening",
        "options",
        "plan",
        "transport",
    },
    "client": {
        "answer",
        "batching",
        "_speedups",
        "calls",
        "config",
        "dispatch",
        "errors",
        "lifecycle",
        "opening",
        "options",
        "plan",
        "shorthands",
        "stats",
        "streamcall",
        "telemetry",
        "transport",
    },
    "blocking": {"answer", "client", "dispatch", "errors", "eventstream", "stats", "transport"},
    "integrations": {
        "_speedups",
        "blocking",
        "client",
        "config",
        "dispatch",
        "errors",
        "eventloop",
        "templates",
        "transport",
    },
    "testing": {"blocking", "config", "errors", "eventloop", "transport"},
}

LOOPS = {"anyio", "asyncio", "trio", "uvloop", "httpx", "httpx2", "websockets", "ssl", "socket", "threading"}


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path, for_types: bool = False) -> Iterator[str]:
    """The full names of the modules a file imports, wherever in it; those for types only where they are asked for."""
    package = ("pynector", *path.relative_to(ROOT).parts[:-1])
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if for_types else run_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield prefix
            # A name may be a module of a package.
            yield from (f"{prefix}.{alias.name}" for alias in node.names if f"{prefix}.{alias.name}" in MODULES)


def run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a tree that are there when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from run_nodes(node)


def parts_imported(path: Path) -> set[str]:
    names = [name.split(".") for name in imports(path, for_types=True)]
    return {name[1] for name in names if name[0] == "pynector" and len(name) > 1}


@pytest.mark.parametrize("part", BELOW)
def test_imports_flow_one_way(part: str) -> None:
    files = [path for path in FILES if part_of(path) == part]
    assert files
    for path in files:
        assert parts_imported(path) <= BELOW[part] | {part}, path


def test_every_part_has_its_place() -> None:
    on_top = {"__init__", "__main__", "cli"}
    assert {part_of(path) for path in FILES} <= {*BELOW, *on_top}
    for part, below in BELOW.items():
        for lower in below:
            assert part not in BELOW[lower], f"{part} and {lower} import one another"


def test_only_what_is_on_top_imports_the_whole_package() -> None:
    for path in FILES:
        if part_of(path) in BELOW:
            assert "pynector" not in set(imports(path, for_types=True)), path


def test_what_is_compiled_knows_no_event_loop() -> None:
    compiled = [path for path in FILES if path.with_suffix(".pxd").exists()]
    assert len(compiled) > 10
    for path in compiled:
        # TLS in memory waits for nothing.
        forbidden = LOOPS - {"ssl"} if path.stem == "tlslayer" else LOOPS
        assert not {name.split(".")[0] for name in imports(path, for_types=True)} & forbidden, path


def test_a_declaration_file_imports_what_its_module_may() -> None:
    for path in ROOT.rglob("*.pxd"):
        # What stands on top may import all.
        below = BELOW.get(part_of(path), set(BELOW))
        for line in path.read_text().splitlines():
            if "cimport" in line and "pynector" in line:
                part = line.split()[1].split(".")[1]
                assert part in below | {part_of(path)}, (path, line)


def circles() -> set[frozenset[str]]:
    """The largest sets of modules each of which imports all others, by whatever way."""
    graph = {
        # A package's name stands before each of its modules' and imports nothing by that.
        module: {
            name
            for name in imports(path, for_types=True)
            if name in MODULES and not f"{module}.".startswith(f"{name}.")
        }
        for module, path in zip(map(module_of, FILES), FILES, strict=True)
    }
    below = {module: reached(module, graph) for module in graph}
    return {
        frozenset(name.removeprefix("pynector.") for name in below[module] if module in below[name])
        for module in graph
        if module in below[module]
    }


def reached(module: str, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [module]
    while ahead:
        new = graph[ahead.pop()] - seen
        seen |= new
        ahead += new
    return seen


def test_no_modules_import_each_other_in_a_circle_not_even_for_types() -> None:
    found = circles()
    assert not found


def raises_not_implemented(path: Path) -> bool:
    return any(
        isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def test_no_class_is_half_a_class() -> None:
    found = {module_of(path).removeprefix("pynector.") for path in FILES if raises_not_implemented(path)}
    assert not found, "give the class what it needs instead"


def test_one_table_says_what_may_pass() -> None:
    for path in FILES:
        if part_of(path) != "errors":
            stores = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
            assert not [node for node in stores if node.attr == "transient" and isinstance(node.ctx, ast.Store)], path


def test_connections_know_no_protocol() -> None:
    """HTTP and WebSocket share them."""
    for path in (ROOT / "transport" / "net").glob("*.py"):
        above = ("pynector.transport.http", "pynector.transport.websocket")
        assert not [name for name in imports(path) if name.startswith(above)], path


def test_only_what_is_on_top_prints() -> None:
    for path in FILES:
        if part_of(path) in BELOW and path != ROOT / "testing" / "__main__.py":
            calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            assert "print" not in {call.id for call in calls if isinstance(call, ast.Name)}, path


# docs/architecture.md

PAGE = tree.PAGE.read_text(encoding="utf-8")


def named(kind: str) -> list[str]:
    """What stands in backticks on the page, outside of the tree: places in files, or files and folders."""
    text = PAGE.partition(tree.BEGIN)[0]
    pattern = {"place": r"`([\w/.]+\.py:[\w.]+)`", "path": r"`([\w/.]+(?:\.py|/))`"}[kind]
    return sorted(set(re.findall(pattern, text)))


def test_the_page_has_a_line_for_each_file_and_no_other() -> None:
    assert tree.shown() == tree.made(), "python -m tests.tree --write"


def test_each_file_says_what_it_is() -> None:
    assert [path for path in [*FILES, *ROOT.rglob("*.pxd")] if not tree.about(path)] == []


@pytest.mark.parametrize("place", named("place"))
def test_each_place_on_the_page_is_there(place: str) -> None:
    file, _, wanted = place.partition(":")
    body: list[ast.stmt] = ast.parse((tree.PACKAGE / file).read_text(encoding="utf-8")).body
    for name in wanted.split("."):
        found = [node for node in body if getattr(node, "name", None) == name]
        assert found, f"{file} has no {wanted}"
        body = getattr(found[0], "body", [])


@pytest.mark.parametrize("path", named("path"))
def test_each_file_on_the_page_is_there(path: str) -> None:
    assert (tree.PACKAGE / path).exists() or (tree.ROOT / path).exists()


def test_no_test_imports_another_one() -> None:
    for path in tree.ROOT.glob("tests/**/*.py"):
        assert not re.search(r"^(from|import) test_", path.read_text(encoding="utf-8"), re.MULTILINE), path


def test_no_test_file_repeats_its_folder_s_name() -> None:
    for path in tree.ROOT.glob("tests/*/**/test_*.py"):
        assert not path.stem.startswith(f"test_{path.parent.name}_"), path


# To import them all takes a slow machine minutes.
SHARES = 2

IMPORT_EACH = """
import importlib, sys, traceback
import pynector

def ours():
    return {name for name in sys.modules if name.partition(".")[0] == "pynector"}

# The package itself comes before any of its modules, with what it imports: each begins with as much.
begun = {name: (sys.modules[name], dict(vars(sys.modules[name]))) for name in ours()}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception:
        print(name, traceback.format_exc())
    for loaded in ours() - begun.keys():
        del sys.modules[loaded]
    for module, names in begun.values():
        vars(module).clear()
        vars(module).update(names)
"""

IMPORT_ALL = """
import sys
import pynector
optional = {
    "httpx", "httpx2", "opentelemetry", "structlog", "rich", "trio", "uvloop", "certifi",
    "ray", "dask", "distributed", "pyarrow", "pandas", "numpy",
}
print(sorted(optional & sys.modules.keys()))
"""


def run(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("share", range(SHARES))
def test_each_module_can_be_imported_first(
    share: int, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("PYNECTOR_PURE", "1")
    # Each is imported as often as there are modules: from bytecode, also where none is to be written.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.getbasetemp() / "bytecode"))
    # The native engine is for where its parser is.
    left_out: tuple[str, ...] = ("__main__",) if find_spec("httptools") else ("__main__", ".native")
    # These need the packages that they are named after.
    named = ("httpx", "httpx2", "ray", "dask")
    left_out += tuple(f".integrations.{name}" for name in named if find_spec(name) is None)
    names = [
        name for name in MODULES if not name.endswith(left_out) and (find_spec("httptools") or ".native." not in name)
    ]
    assert run(IMPORT_EACH, *names[share::SHARES]) == ""


def test_importing_pynector_imports_nothing_optional() -> None:
    assert run(IMPORT_ALL) == "[]\n"


def test_the_public_names_are_all_and_sorted() -> None:
    assert all(hasattr(pynector, name) for name in pynector.__all__)
    public = {
        name for name, value in vars(pynector).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert pynector.__all__ == sorted({*public, *pynector._LATE, "__version__"})


@pytest.mark.parametrize("package", ["pynector.transport", "pynector.telemetry", "pynector.testing"])
def test_the_names_of_a_package_are_there(package: str) -> None:
    module = sys.modules.get(package) or __import__(package, fromlist=["*"])
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_grows_too_large(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) < 450
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert length(node) < 50, node.name


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function without its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines
