"""What PyPI is told and shown of a release."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import addresses
from documents import ROOT, blocks

REPOSITORY = "https://github.com/Owner/pynector"


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A checkout that is about to be built."""
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    addresses.main(REPOSITORY, "v1.2.3", tmp_path)
    return tmp_path


def test_every_link_leads_to_a_file_of_the_release(released: Path) -> None:
    text = (released / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    of_release = [re.fullmatch(rf"{REPOSITORY}/(?:blob|raw)/v1\.2\.3/([^#]+)(?:#.+)?", link) for link in links]
    assert len(of_release) > 30
    assert [link for link, match in zip(links, of_release, strict=True) if match is None] == []
    assert [match[1] for match in of_release if match and not (ROOT / match[1]).exists()] == []
    assert f"![Requests a second of Pynector and other clients]({REPOSITORY}/raw/v1.2.3/docs/benchmark.svg)" in text


def test_no_code_is_changed(released: Path) -> None:
    text = (released / "README.md").read_text(encoding="utf-8")
    assert all(block.code in text for block in blocks(ROOT / "README.md"))


def test_the_project_has_urls_and_is_otherwise_as_it_was(released: Path) -> None:
    toml = pytest.importorskip("tomllib")
    before = toml.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    after = toml.loads((released / "pyproject.toml").read_text(encoding="utf-8"))
    assert after["project"].pop("urls") == {
        "Documentation": "https://owner.github.io/pynector/",
        "Source": REPOSITORY,
        "Issues": f"{REPOSITORY}/issues",
        "Changelog": f"{REPOSITORY}/blob/v1.2.3/CHANGELOG.md",
    }
    assert after == before


def test_what_is_no_repository_of_github_is_refused() -> None:
    with pytest.raises(ValueError, match="must be https"):
        addresses.urls("https://example.com/owner/name", "v1")
