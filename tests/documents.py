"""The documents, and the code that stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(?P<language>[\w{}-]*)\n(?P<code>.*?)^```\n(?P<gap>\n*)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block, and what the block right after it says it prints."""

    name: str
    language: str
    code: str
    output: str | None

    @property
    def packages(self) -> set[str]:
        """What a snippet imports."""
        return set(re.findall(r"^ *(?:import|from) (\w+)", self.code, re.MULTILINE))


def blocks(document: Path) -> Iterator[Block]:
    text = document.read_text(encoding="utf-8")
    found = list(_FENCE.finditer(text))
    for match, following in zip(found, [*found[1:], None], strict=False):
        line = text.count("\n", 0, match.start()) + 1
        output = None
        if following is not None and following.start() == match.end() and following["language"] == "text":
            output = following["code"]
        yield Block(f"{document.relative_to(ROOT)}:{line}", match["language"], match["code"], output)


def prose(document: Path) -> str:
    """A document without its blocks."""
    return _FENCE.sub("", document.read_text(encoding="utf-8"))


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#{1,4} (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
SNIPPETS = [block for block in BLOCKS if block.language == "python"]
