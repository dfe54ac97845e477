"""Whether a module is installed; what tells more of packages takes long to import."""

from __future__ import annotations

import importlib.util


def has(name: str) -> bool:
    """Say whether a module is installed."""
    return importlib.util.find_spec(name) is not None
