"""What batches at scale are to show."""

from __future__ import annotations

import os

import pytest

from scale.command import main

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.name == "nt", reason="its loopback network has one address"),
]


@pytest.mark.parametrize("show", ["rate", "budget", "auto", "crawler", "pause"])
def test_a_show_comes_to_what_it_must(show: str) -> None:
    assert main([show]) == 0
