"""The targets by name, and their corpus."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .source import Bytes, Source

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Target:
    """What can be fuzzed.

    Attributes:
        name: Its name, and that of its module.
        check: Raises if something is wrong.
        tokens: Bytes that mean something to it.
    """

    name: str
    check: Callable[[Source], None]
    tokens: Sequence[bytes]

    def run(self, data: bytes) -> None:
        """Check what bytes come to."""
        self.check(Bytes(data))

    def corpus(self) -> list[Path]:
        """Give the files of its corpus."""
        return sorted((CORPUS / self.name).iterdir())


def _target(name: str) -> Target:
    module = importlib.import_module(f".{name}", __package__)
    return Target(name, module.check, module.TOKENS)


TARGETS = {
    name: _target(name)
    for name in ("responses", "requests", "urls", "frames", "messages", "fields", "answers", "decoders", "batches")
}
