"""Files that may be replaced while the program runs: what is cheap to know of them."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# The names under which OpenSSL looks for certificates and revocation lists in a folder.
_HASHED = re.compile(r"[0-9a-f]{8}\.r?[0-9]+")


class Look(NamedTuple):
    """What was seen of files.

    Attributes:
        identity: Another one after any of them was changed, replaced, added or removed.
        newest: When the last one was written, in seconds of the wall clock; 0 if there is none.
    """

    identity: tuple[Any, ...]
    newest: float


class WatchedFiles:
    """Looks at files and folders of certificates, as seldom as all that ask for it together allow.

    Args:
        paths: Gives their paths.
    """

    def __init__(self, paths: Callable[[], Iterable[str]]) -> None:
        self._paths = paths
        self._last = Look((), 0.0)
        self._until = -1.0

    def look(self, life: float) -> Look:
        """Return what is there, or what was there at the last look, if that was less than `life` seconds ago."""
        now = time.monotonic()
        if now >= self._until or life == 0:
            seen = [(path, *_seen(path)) for path in self._paths()]
            newest = max((written for *_, written in seen), default=0)
            self._last = Look(tuple(seen), newest / 1e9)
            self._until = now + life
        return self._last


def _seen(path: str) -> tuple[Any, int]:
    """Return the identity of a file or folder, and when it was written in nanoseconds."""
    identity = _identity(path)
    if identity is None:
        return None, 0
    if not stat.S_ISDIR(identity[0]):
        return identity, identity[-1]
    try:
        names = sorted(filter(_HASHED.fullmatch, os.listdir(path)))
    except OSError:
        return identity, 0
    entries = [(name, _identity(os.path.join(path, name))) for name in names]
    return tuple(entries), max((entry[-1] for _, entry in entries if entry is not None), default=0)


def _identity(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mode, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
