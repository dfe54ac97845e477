"""HTTP/2 of the loopback server: what it does well, and what it does wrong on purpose."""

from __future__ import annotations

import importlib.util


def require_ngh2() -> None:
    """Raise ImportError, with what to install, where the package is missing that HTTP/2 needs."""
    if importlib.util.find_spec("ngh2") is None:
        raise ImportError("HTTP/2 needs the package ngh2: pip install 'pynector[http2]'")
