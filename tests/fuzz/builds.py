"""The two builds of the hot path in one process: the one that runs, and the pure one beside it."""

from __future__ import annotations

from benchmarks.builds import TWIN, Build, builds

__all__ = ["BUILDS", "TWIN", "Build"]

BUILDS: dict[str, Build] = {build.name: build for build in builds()}
"""By name; just the pure one where that is what runs."""
