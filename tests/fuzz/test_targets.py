"""Each target for a little, the same each time; `python -m tests.fuzz` runs one for as long as is wanted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .builds import BUILDS
from .mutation import mutated
from .source import Drawn
from .targets import CORPUS, TARGETS

SHORT = settings(max_examples=100, suppress_health_check=list(HealthCheck))
LONG = settings(SHORT, max_examples=5_000, derandomize=False)

FILES = sorted(path for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_nothing_is_found_in_the_corpus(path: Path) -> None:
    TARGETS[path.parent.name].run(path.read_bytes())


def test_the_corpus_is_small_and_whole() -> None:
    assert {path.parent.name for path in FILES} == set(TARGETS)
    assert sum(path.stat().st_size for path in FILES) < 16_000


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_near_the_corpus(name: str) -> None:
    change(name, 100)


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_far_from_the_corpus(name: str) -> None:
    change(name, 10_000)


def change(name: str, count: int) -> None:
    target, chance = TARGETS[name], random.Random(name)
    corpus = [path.read_bytes() for path in target.corpus()]
    for _ in range(count):
        data = mutated(chance, corpus, target.tokens)
        try:
            target.run(data)
        except Exception as error:
            raise AssertionError(f"found in {name}: {data!r}") from error


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_by_hypothesis(name: str) -> None:
    draw(name, SHORT)


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_by_hypothesis_in_long(name: str) -> None:
    draw(name, LONG)


def draw(name: str, how: settings) -> None:
    @how
    @given(st.data())
    def check(data: st.DataObject) -> None:
        TARGETS[name].check(Drawn(data.draw))

    check()


def test_the_builds_are_two_where_there_are_two() -> None:
    files = [str(build.frames.__file__) for build in BUILDS.values()]
    assert BUILDS["pure"].frames.__file__.endswith(".py")
    assert sum(file.endswith(".py") for file in files) == 1
