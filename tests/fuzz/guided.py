"""Fuzzing with atheris, which makes inputs that reach lines no other one has reached."""

from __future__ import annotations

import gc
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any, NoReturn

from .builds import TWIN
from .mutation import LONGEST
from .targets import CORPUS, Target

# Whose lines count: the code under test, and what it is compared with. Compiled modules do not show theirs.
PACKAGES = ("pynector", TWIN, "h11", "tests")

AVAILABLE = find_spec("atheris") is not None


def fuzz(target: Target, seconds: float, seed: int, keep: Path) -> NoReturn:
    """Run a target until something is found or the time is over, and end this process: with 0 if nothing was."""
    import atheris

    for path in target.corpus():
        # What is imported at need is there then.
        target.run(path.read_bytes())
    instrument(atheris)
    keep.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder) / "words"
        words.write_text("".join(f'"{quoted(token)}"\n' for token in target.tokens))
        found = Path(folder) / "found"
        found.mkdir()
        arguments = [
            sys.argv[0],
            f"-max_total_time={max(1, round(seconds))}",
            # 0 is a random one there.
            f"-seed={seed + 1}",
            f"-dict={words}",
            f"-max_len={LONGEST}",
            f"-artifact_prefix={keep}/{target.name}-",
            "-timeout=60",
            "-print_final_stats=1",
            str(found),
            str(CORPUS / target.name),
        ]
        atheris.Setup(arguments, target.run)
        atheris.Fuzz()
    raise SystemExit(0)


def quoted(token: bytes) -> str:
    """Give a token as libFuzzer's dictionaries have it."""
    return "".join(f"\\x{code:02x}" for code in token)


def instrument(atheris: Any) -> None:
    """Have the functions of some packages tell which of their lines run."""
    for function in [each for each in gc.get_objects() if isinstance(each, FunctionType)]:
        if (function.__module__ or "").partition(".")[0] in PACKAGES:
            atheris.instrument_func(function)
