"""httpx and its httpcore: the maintained forks where they are installed, else the originals; their API is the same."""

from __future__ import annotations

try:
    import httpcore2 as httpcore
    import httpx2 as httpx
except ImportError:
    import httpcore  # type: ignore[no-redef]
    import httpx  # type: ignore[no-redef]

__all__ = ["httpcore", "httpx"]
