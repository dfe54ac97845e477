"""Runs the snippets of the documents.

A snippet's https://api.example.com is the bundled server. A ```text block right after a snippet is what it prints.
Code outside a function may await.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
from collections.abc import Mapping
from typing import Any

import anyio

from documents import SNIPPETS, Block

SERVER = "https://api.example.com"

# What snippets need a cluster for: they run where tests/many has one.
CLUSTERS = {"ray", "distributed", "pyspark", "apache_beam"}


def about(package: str) -> list[Block]:
    """The snippets that import a package."""
    return [block for block in SNIPPETS if package in block.packages]


def check(block: Block, servers: Mapping[str, str]) -> dict[str, Any]:
    """Run a snippet as a program, compare what it prints with what the document says, and return its names.

    `servers` has the address of the server that stands for each one that the document names.
    """
    code = block.code
    names: dict[str, Any] = {"__name__": "__main__"}
    for told, address in servers.items():
        code = code.replace(told, address)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        _run(code, block.name, names)
    printed = output.getvalue()
    for told, address in servers.items():
        printed = printed.replace(address, told)
    assert block.output is None or printed == block.output
    return names


def _run(code: str, name: str, names: dict[str, Any]) -> None:
    compiled = compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if not compiled.co_flags & inspect.CO_COROUTINE:
        exec(compiled, names)
        return

    async def run_awaiting() -> None:
        await eval(compiled, names)

    anyio.run(run_awaiting)
