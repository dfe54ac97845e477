"""The two builds of the hot path in one process: the one that runs, and the pure one beside it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

from pynector import _speedups

TWIN = "pure_speedups"


class Build:
    """One build's modules, as attributes."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __getattr__(self, name: str) -> Any:
        return importlib.import_module(f"{self._package}.{name}")


def _twin() -> Build:
    spec = importlib.util.spec_from_file_location(
        TWIN, _speedups.__file__, submodule_search_locations=list(_speedups.__path__)
    )
    assert spec is not None
    assert spec.loader is not None
    package: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[TWIN] = package
    before = os.environ.get("PYNECTOR_PURE")
    os.environ["PYNECTOR_PURE"] = "1"
    try:
        spec.loader.exec_module(package)
    finally:
        del os.environ["PYNECTOR_PURE"]
        if before is not None:
            os.environ["PYNECTOR_PURE"] = before
    return Build(TWIN)


RUNNING = Build(_speedups.__name__)

BUILDS: dict[str, Build] = {"compiled": RUNNING, "pure": _twin()} if _speedups.COMPILED else {"pure": RUNNING}
"""By name; just the pure one where that is what runs."""
