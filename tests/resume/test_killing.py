"""A killed job goes on where it was: no result is lost, and nothing is sent again but what was in flight."""

from __future__ import annotations

import os

import pytest

from resume.command import main
from resume.killing import check, play

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a kill is another thing there")


def test_a_job_is_killed_twice() -> None:
    outcome = play(count=2000, window=50, kills=2)
    check(outcome, count=2000, window=50)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_a_job_of_50_000_is_killed_twenty_times(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "every result is there once" in capsys.readouterr().out
