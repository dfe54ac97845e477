"""Latencies: how exactly they are counted, and how they are shown."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from pynector.cli.histogram import bars
from pynector.cli.latencies import Latencies, shown
from pynector.cli.picture import picture


def latencies_of(*seconds: float) -> Latencies:
    latencies = Latencies()
    for each in seconds:
        latencies.add(each)
    return latencies


def test_percentiles_are_exact_to_two_percent() -> None:
    chance = random.Random(1)
    times = sorted(chance.lognormvariate(-5, 1.5) for _ in range(20_000))
    latencies = latencies_of(*times)
    for percent, exact in ((50, times[9_999]), (90, times[17_999]), (99, times[19_799]), (99.9, times[19_979])):
        assert exact <= latencies.percentile(percent) <= exact * 1.0203
    assert latencies.percentile(100) == latencies.longest == times[-1]
    assert list(latencies.named()) == ["p50", "p90", "p99", "p99.9", "max"]
    # However many there are, it takes no more than a place for each step.
    assert sum(1 for _ in latencies.steps()) < 700


def test_nothing_and_what_is_no_time() -> None:
    empty = Latencies()
    assert (empty.percentile(50), empty.longest, empty.bands(), bars(empty, 80, "utf-8")) == (0.0, 0.0, [], [])
    latencies = latencies_of(0.0, -0.001, 1e-12)
    assert latencies.total == 3
    assert latencies.percentile(50) <= 1e-6
    assert [band.number for band in latencies.bands()] == [3]


@pytest.mark.parametrize(
    "times",
    [[0.00123], [0.001, 0.0011], [0.0009, 0.012], [1e-6, 100.0], [0.1, 0.1000001], [0.00999, 0.01, 0.0101], [3600.0]],
)
@pytest.mark.parametrize("most", [1, 5, 20, 60])
def test_bands_have_round_ends_and_all_times(times: list[float], most: int) -> None:
    bands = latencies_of(*times).bands(most)
    assert sum(band.number for band in bands) == len(times)
    # From 1 us to 100 s there are eight decades, and nothing is coarser than these.
    assert len(bands) <= max(most, 9)
    assert bands[0].number
    assert bands[-1].number
    assert all(one.most == other.least for one, other in pairwise(bands))
    # A step is two percent, and is where its middle is.
    assert bands[0].least <= min(times) * 1.02
    assert bands[-1].most >= max(times) * 0.98


def test_bands_are_as_fine_as_there_is_room() -> None:
    latencies = latencies_of(*(0.00102 * 1.01**power for power in range(455)))
    assert [len(latencies.bands(most)) for most in (60, 40, 20, 8, 3)] == [48, 24, 12, 6, 2]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (1e-6, "0.001 ms"),
        (0.00123456, "1.23 ms"),
        (0.0999, "99.9 ms"),
        (0.999, "999 ms"),
        (0.9996, "1 s"),
        (12.34, "12.3 s"),
        (100, "100 s"),
        (4000, "4,000 s"),
    ],
)
def test_times_are_texts_of_three_digits(seconds: float, text: str) -> None:
    assert shown(seconds) == text


def test_bars_fit_and_say_what_they_are() -> None:
    latencies = latencies_of(*[0.0101] * 90, *[0.021] * 9, 0.5)
    for width in (60, 80, 140):
        for encoding, full in (("utf-8", "█"), ("ascii", "#"), ("no such", "#")):
            lines = bars(latencies, width, encoding)
            texts = ["".join(text for text, _ in words) for words in lines]
            assert {len(text) for text in texts} == {width}
            styles = [words[1][1] for words in lines if words[1][0].strip()]
            assert styles == ["green", "yellow", "red"]
            longest = max(lines, key=lambda words: words[1][0].count(full))
            assert set(longest[1][0]) == {full}
            assert longest[2][0].split() == ["90", "90.0%"]
            assert texts[0].split()[:4] == ["10", "-", "12" if "12" in texts[0] else "15", "ms"]


@pytest.mark.parametrize("times", [[], [0.001], [1e-9, 2000.0], [0.01] * 1000 + [0.02]])
def test_a_picture_is_well_formed_and_within_its_bounds(times: list[float]) -> None:
    root = ET.fromstring(picture(latencies_of(*times), "a <title>", ["one & two"], "Loud" if times else ""))
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"a <title>", "one & two"} <= set(texts)
    assert ("Loud" in texts) is bool(times)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in ("x", "x1", "x2", "y", "y1", "y2"):
                assert 0 <= float(value) <= (width if name[0] == "x" else height)
