from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

WITHOUT_RICH = """
import sys
sys.modules["rich"] = None
from pynector.cli import main
sys.exit(main())
"""


@pytest.fixture
def environment() -> dict[str, str]:
    """An environment without what makes rich draw colours on anything but a terminal."""
    unwanted = {"FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


@pytest.fixture
def pynector(environment: dict[str, str]) -> Run:
    """Runs the command line in a process of its own."""

    def run(*arguments: str, rich: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        program = ["-m", "pynector"] if rich else ["-c", WITHOUT_RICH]
        return subprocess.run(
            [sys.executable, *program, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            timeout=600,
            **{"capture_output": True, **options},
        )

    return run
