"""httpx: the maintained fork where it is installed, else the original; their API is the same."""

from __future__ import annotations

try:
    import httpx2 as httpx
except ImportError:
    import httpx  # type: ignore[no-redef]

__all__ = ["httpx"]
