"""Every Python snippet of the documents is run against the bundled server, and the shell lines are those CI runs.

A snippet that defines tests is run by pytest, any other one as tests/snippets.py says. Those that need a cluster run in
tests/many.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chatserver
import pynector
import snippets
from documents import BLOCKS, DOCUMENTS, ROOT, SNIPPETS, Block, anchors, blocks, prose
from pynector import CircuitBreaker, PynectorError, Rate, RetryPolicy, client
from pynector.testing import LoopbackServer
from pynector.transport import RESERVED
from pynector.transport.http import options
from pynector.transport.websocket import options as websocket_options
from wsservers import running

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

# What some snippets are about, and is not there for each Python or in each set of packages.
OTHERS = {"aiohttp", "aiometer", "anthropic", "fastapi", "openai", "pandas", "requests"}

# These stand in the reference with the module that they are at home in.
ELSEWHERE = ("TransportProtocol", "get_transport_factory_registry")

_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


def run_as_tests(code: str, folder: Path) -> None:
    file = folder / "test_snippet.py"
    file.write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-c", "/dev/null"]
    # They are there by their entry points, as are others that take seconds to import.
    command += ["-p", "anyio", "-p", "pytest_pynector"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [*command, str(file)], capture_output=True, text=True, timeout=600, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


@pytest.fixture(scope="session")
def websocket_server() -> Iterator[str]:
    with running() as port:
        yield f"ws://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def chat_server() -> Iterator[str]:
    with chatserver.running() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    "block", [block for block in SNIPPETS if not block.packages & snippets.CLUSTERS], ids=lambda block: block.name
)
def test_snippet_runs(
    block: Block,
    server: LoopbackServer,
    websocket_server: str,
    chat_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for other in block.packages & OTHERS:
        pytest.importorskip(other)
    server.reset()
    monkeypatch.chdir(tmp_path)
    servers = {
        snippets.SERVER: server.url,
        "wss://api.example.com": websocket_server,
        "https://llm.example.com": chat_server,
    }
    if re.search(r"def test_", block.code):
        run_as_tests(block.code.replace(snippets.SERVER, server.url), tmp_path)
    else:
        snippets.check(block, servers)


def test_a_snippet_that_prints_says_what() -> None:
    silent = [block.name for block in SNIPPETS if "print(" in block.code and block.output is None]
    assert silent == []


def test_every_block_is_of_a_known_kind() -> None:
    assert {block.language for block in BLOCKS} <= {"python", "text", "sh", "toml", "{eval-rst}"}


def test_the_first_two_shell_lines_stand_as_ci_runs_them() -> None:
    lines = [block.code for block in blocks(ROOT / "README.md") if block.language == "sh"][:2]
    assert lines == [
        "python3 -m venv .venv && .venv/bin/pip install -q '.[speedups,cli]' && .venv/bin/pynector demo\n",
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/python -m pytest -n auto\n",
    ]
    run_by_ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[1].strip() in [line.strip() for line in run_by_ci]


def test_the_tables_have_every_setting_with_its_default_and_variable() -> None:
    rows = re.findall(
        r"^\| (`.+?`) \| (.+?) \| (.+?) \|", (ROOT / "docs" / "options.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    told = {
        name: (default.strip("`"), variable.strip("`"))
        for names, default, variable in rows
        if variable == "-" or variable.startswith("`PYNECTOR_")
        for name in re.findall(r"`(\w+)`", names)
    }
    settings = (*client._SETTINGS, *options.CLIENT_SETTINGS, *options.REQUEST_SETTINGS)
    assert set(told) == {setting.name for setting in settings}
    for setting in settings:
        default, variable = told[setting.name]
        assert variable == (setting.variable if setting.parse else "-")
        assert (
            default == "none"
            if setting.default in (None, ()) and default != "None"
            else default == (f'"{setting.default}"' if isinstance(setting.default, str) else str(setting.default))
        )


def test_the_table_of_websocket_options_is_whole() -> None:
    text = (ROOT / "docs" / "websocket.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+? \| .+?) \|", text, re.MULTILINE))
    settings = {
        setting.name: setting for setting in websocket_options.SETTINGS if setting.name not in ("verify", "cert")
    }
    assert rows.keys() == settings.keys()
    for name, setting in settings.items():
        default, variable = rows[name].replace("`", "").split(" | ")
        assert variable == (setting.variable if setting.parse else "-")
        text_of_default = f'"{setting.default}"' if isinstance(setting.default, str) else str(setting.default)
        assert default == text_of_default or (default == "none" and not setting.default)


@pytest.mark.parametrize("declared", [Rate, RetryPolicy, CircuitBreaker], ids=lambda declared: declared.__name__)
def test_what_is_declared_of_batches_has_a_table_with_every_default(declared: type[Any]) -> None:
    text = (ROOT / "docs" / "batches.md").read_text(encoding="utf-8")
    table = re.search(rf"^\| field of `{declared.__name__}` .*?\n\n", text, re.MULTILINE | re.DOTALL)
    assert table is not None
    told = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", table[0], re.MULTILINE))
    fields = {field.name: field.default for field in dataclasses.fields(declared)}
    assert list(told) == list(fields)
    for name, default in fields.items():
        if name == "statuses":
            assert told[name] == ", ".join(map(str, sorted(default)))
        elif name != "methods":
            assert told[name] == ("-" if default is dataclasses.MISSING else str(default)), name


def test_the_reserved_names_are_told() -> None:
    text = (ROOT / "docs" / "batches.md").read_text(encoding="utf-8")
    paragraph = text[text.index("Reserved names") :].partition("\n\n")[0].partition("):")[2]
    assert set(re.findall(r"`(\w+)`", paragraph)) == RESERVED


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_what_exists(document: Path) -> None:
    for target in [match["target"] for match in _LINK.finditer(prose(document))]:
        name, _, anchor = target.partition("#")
        if "://" not in target:
            file = document.parent / name if name else document
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), target


def test_every_error_has_a_section_that_says_what_to_do() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.+?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    public = [getattr(pynector, name) for name in pynector.__all__]
    errors = [value.__name__ for value in public if isinstance(value, type) and issubclass(value, PynectorError)]
    assert len(errors) > 15
    assert [name for name in errors if "*What to do:*" not in sections.get(name, "")] == []


@pytest.mark.parametrize(
    "module",
    [
        "pynector",
        "pynector.blocking",
        "pynector.integrations.many",
        "pynector.testing",
        "pynector.transport",
    ],
)
def test_the_reference_has_every_public_name(module: str) -> None:
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")]
    told: set[str] = set()
    for page in pages:
        current = re.search(r"currentmodule:: (\S+)", page)
        for name in re.findall(r"^\.\. auto\w+:: (\S+)$", page, re.MULTILINE):
            told.add(name if name.startswith("pynector.") or current is None else f"{current[1]}.{name}")
    names = {f"{module}.{name}" for name in importlib.import_module(module).__all__ if not name.startswith("__")}
    assert names - told <= {f"{module}.{name}" for name in ELSEWHERE}


def test_the_enrichment_job_has_no_more_lines_than_is_said() -> None:
    text = (ROOT / "examples" / "enrich.py").read_text(encoding="utf-8")
    job = text[text.index("# The job") : text.index("# What stands for")].splitlines()
    code = [line for line in map(str.strip, job) if line and not line.startswith(("#", '"""'))]
    assert 10 < len(code) <= 20


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_runs(example: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)], capture_output=True, text=True, encoding="utf-8", timeout=600
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("pynector: ")]
    assert (done.returncode, said) == (0, [])
    assert done.stdout
