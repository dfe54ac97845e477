"""What the second build need not be asked: what another test asks of it, and what is the same for every build.

The run of one build has all tests. That of the other one leaves out what is marked here: `-m "not exhaustive and not
repeated"`. Each test stays, with each of its own parameters, on one of its event loops and engines: the next case has
another one.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

import pytest

from loops import PACKAGES

LOOPS = ("asyncio", "uvloop", "trio")
ENGINES = (*PACKAGES, "native", "http2")

# What it is, and its files, folders or tests.
THE_SAME_FOR_EVERY_BUILD = {
    "the documents, types and sources": [
        "test_architecture.py::test_each_module_can_be_imported_first",
        "test_architecture.py::test_nothing_grows_too_large",
        "test_readme.py",
        "test_typing.py",
    ],
    "both builds, side by side": ["fuzz/", "speedups/test_build.py::test_a_build_that_fails"],
    "what C may do, and Python does not: objects that are never freed": ["growth/"],
    "tools of the tests": ["ledger/test_verdicts.py", "scale/", "soak/", "test_proportion.py"],
    "plain modules and other programs alone": ["cli/test_examples.py", "fakes/test_plugin.py", "resume/"],
}


def mark_repeated(items: Iterable[pytest.Item]) -> None:
    """Mark the tests that need not be run for another build."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("exhaustive") is None:
            cases.setdefault(_case(item), []).append(item)
    listed = tuple(f"tests/{place}" for places in THE_SAME_FOR_EVERY_BUILD.values() for place in places)
    known: set[str] = set()
    for case, alike in cases.items():
        test = alike[0].nodeid.partition("[")[0]
        kept = [] if case.startswith(listed) else _kept(case, alike, is_first=test not in known)
        known.add(test)
        for item in alike:
            if item not in kept:
                item.add_marker("repeated")


def _case(item: pytest.Item) -> str:
    """Name a test with its own parameters, without event loop and engine."""
    test, _, parameters = item.nodeid.partition("[")
    return "-".join([test, *(part for part in parameters.rstrip("]").split("-") if part not in (*LOOPS, *ENGINES))])


def _kept(case: str, alike: list[pytest.Item], is_first: bool) -> list[pytest.Item]:
    """Return those of the tests that run for each build: one by chance, and always the same.

    Engines on other packages are not compiled: one of them has the first case of a test, and is in the draw of others.
    """
    of_packages = [item for item in alike if not set(PACKAGES).isdisjoint(re.split(r"[-\[\]]", item.nodeid))]
    drawn = [item for item in alike if item not in of_packages[1:]]
    chosen = drawn[zlib.crc32(case.encode()) % len(drawn)]
    return [chosen, *of_packages[:1]] if is_first else [chosen]
