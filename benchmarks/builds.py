"""Both builds of the compiled modules in one process: the extensions, and the same files as Python."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pynector
from pynector import _speedups

ROOT = Path(pynector.__file__).parent
TWIN = "pure_pynector"


class Build:
    """The compiled modules of a build as attributes, by the last part of their name: `build.scheduler.Scheduler`.

    Args:
        name: "compiled" or "pure".
        package: The package they are in.
    """

    def __init__(self, name: str, package: str) -> None:
        self.name = name
        self._package = package

    def __getattr__(self, module: str) -> ModuleType:
        (found,) = [path for path in ROOT.rglob(f"{module}.pxd") if path.with_suffix(".py").exists()]
        loaded = self.load(".".join(found.relative_to(ROOT).with_suffix("").parts))
        setattr(self, module, loaded)
        return loaded

    def load(self, module: str) -> ModuleType:
        """Return a module of the build by its name in the package; it need not be compiled."""
        return importlib.import_module(f"{self._package}.{module}")


class _Sources:
    """Finds the modules of the twin beside the extensions, and its packages without what they import."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if path is None or not name.startswith(f"{TWIN}."):
            return None
        place = Path(path[0], name.rpartition(".")[2])
        if not place.is_dir():
            return importlib.util.spec_from_file_location(name, place.with_suffix(".py"))
        package = ModuleSpec(name, None, is_package=True)
        package.submodule_search_locations = [str(place)]
        return package


def compiled() -> Build:
    """Return the build that `pynector` runs on."""
    return Build("compiled" if _speedups.COMPILED else "pure", pynector.__name__)


@lru_cache(maxsize=1)
def pure() -> Build:
    """Return the pure build, under another name than the one that runs."""
    package = ModuleType(TWIN)
    package.__path__ = [str(ROOT)]
    sys.modules[TWIN] = package
    sys.meta_path.insert(0, _Sources)  # type: ignore[arg-type]
    return Build("pure", TWIN)


@lru_cache(maxsize=1)
def builds() -> list[Build]:
    """Return the builds that are there."""
    return [compiled(), pure()] if _speedups.COMPILED else [compiled()]
