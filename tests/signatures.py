"""What type checkers are told of the blocking client's methods, made of those of the other client.

`python -m tests.signatures` prints it, and with `--write` puts it into its file. A type checker cannot be told by a
decorator that a method with overloads waits for another one.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "pynector"
FILE = PACKAGE / "blocking" / "signatures.pyi"

# Where the methods are.
CLASSES = {"client.py": "Pynector", "batching.py": "Batching", "shorthands.py": "Shorthands"}

# Those that the blocking client has in another form, or writes out itself.
OWN = {"aclose", "stats"}

HEAD = '''"""What type checkers are told of the blocking client's methods: python -m tests.signatures --write."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, overload

from typing_extensions import Never, Self, Unpack

from ..answer import Answer
from ..dispatch.breaker import CircuitBreaker
from ..dispatch.entries import Requests
from ..dispatch.limits import Rate
from ..dispatch.progress import OnProgress
from ..dispatch.retry import RetryPolicy
from ..errors import PynectorError
from ..options import (
    HTTPBatchOptions,
    HTTPClientOptions,
    HTTPMethodOptions,
    HTTPOptions,
    HTTPRequestOptions,
    HTTPRetryOptions,
    WebSocketClientOptions,
)
from ..stats import Stats
from ..transport.http import Response
from .held import Entering
from .streaming import BatchStream, EventStream, StreamedResponse, Subscription

class Pynector(Generic[Answer]):
    """The client for code without an event loop; its arguments and methods are those of `pynector.Pynector`."""

    def stats(self) -> Stats: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
'''


class Blocking(ast.NodeTransformer):
    """Turns a signature of the one client into that of the other."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        names = {**dict.fromkeys(CLASSES.values(), "Pynector"), "AbstractAsyncContextManager": "Entering"}
        return ast.Name(names.get(node.id, node.id))


def functions(tree: ast.AST, name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    (found,) = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name)
    for node in found.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)


def said(name: str) -> str:
    """The body of a method: what an editor shows of it."""
    return "..." if name == "__init__" else f'"""See `pynector.Pynector.{name}`."""'


def signatures() -> Iterator[str]:
    for file, name in CLASSES.items():
        found = list(functions(ast.parse((PACKAGE / file).read_text(encoding="utf-8")), name))
        overloaded = {node.name for node in found if is_overload(node)}
        for node in found:
            if node.name in {"request", "stream"} and name == "Shorthands":
                continue
            if node.name in OWN or (node.name.startswith("_") and node.name != "__init__"):
                continue
            if node.name in overloaded and not is_overload(node):
                continue
            node = Blocking().visit(node)
            returns = ast.unparse(node.returns)
            if returns == "EventStream":
                returns = "Entering[EventStream]"
            decorator = "    @overload\n" if is_overload(node) else ""
            yield f"{decorator}    def {node.name}({ast.unparse(node.args)}) -> {returns}:\n        {said(node.name)}\n"


def made() -> str:
    """The file as it is."""
    text = HEAD + "".join(signatures())
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"]
    fixing = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--fix",
        "-q",
        "--select",
        "F401,I",
        "--stdin-filename",
        str(FILE),
        "-",
    ]
    for work in (fixing, command):
        text = subprocess.run(work, input=text, capture_output=True, text=True, check=True, cwd=PACKAGE).stdout
    return text


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(made(), encoding="utf-8")
    else:
        print(made(), end="")
