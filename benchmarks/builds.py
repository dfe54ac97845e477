"""Both builds of the hot path in one process: the extensions, and the same files as Python."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType

import pynector
from pynector import _speedups

_PURE = "pynector._pure"


class Build:
    """The modules of a build as attributes: `build.scheduler.Scheduler`.

    Args:
        name: "compiled" or "pure".
        package: The package its modules are in.
    """

    def __init__(self, name: str, package: str) -> None:
        self.name = name
        self._package = package

    def __getattr__(self, module: str) -> ModuleType:
        loaded = importlib.import_module(f"{self._package}.{module}")
        setattr(self, module, loaded)
        return loaded


class _SourceFinder:
    """Finds the modules of the pure build beside their extensions."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is None or not name.startswith(f"{_PURE}."):
            return None
        source = (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
        return importlib.machinery.FileFinder(path[0], source).find_spec(name)


def compiled() -> Build:
    """Give the build that `pynector` runs on."""
    return Build("compiled" if _speedups.COMPILED else "pure", "pynector._speedups")


@lru_cache(maxsize=1)
def pure() -> Build:
    """Give the pure build, under another name than the one that runs."""
    package = ModuleType(_PURE)
    package.__path__ = list(_speedups.__path__)
    sys.modules[_PURE] = package
    pynector._pure = package  # type: ignore[attr-defined]
    sys.meta_path.insert(0, _SourceFinder)  # type: ignore[arg-type]
    return Build("pure", _PURE)


def builds() -> list[Build]:
    """Give the builds that are there."""
    return [compiled(), pure()] if _speedups.COMPILED else [pure()]
