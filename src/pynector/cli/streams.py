"""The standard streams: errors on the one, and what becomes of those that take nothing, or are not there."""

from __future__ import annotations

import os
import sys


def complain(error: object) -> None:
    """Say on standard error what is wrong."""
    print(f"pynector: {error}", file=sys.stderr, flush=True)


def give_up_stdout() -> None:
    """Take from standard output what it has not taken, so that Python does not try again on its way out."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_missing() -> None:
    """Open those that the process was begun without: else its first files and sockets would take their places."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
