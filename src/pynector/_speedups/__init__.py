"""The compiled core of batches, and which build runs.

Each module with a .pxd beside it, here and elsewhere, runs as the .py file it is, or as the extension built from it.

`PYNECTOR_PURE=1` takes the .py files although extensions are there.
"""

import importlib.machinery
import os
import sys
from collections.abc import Sequence

_PURE = os.environ.get("PYNECTOR_PURE", "0") or "0"
if _PURE not in ("0", "1"):
    raise ImportError(f"PYNECTOR_PURE must be 0 or 1, not {_PURE!r}")

_PREFIX = __name__.removesuffix("_speedups")


class _SourceOnly:
    """A finder that answers for Pynector's modules with their source files only."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is None or not name.startswith(_PREFIX):
            return None
        source = (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
        for entry in path:
            spec = importlib.machinery.FileFinder(entry, source).find_spec(name)
            if spec is not None:
                return spec
        return None


if _PURE == "1":
    sys.meta_path.insert(0, _SourceOnly)

from . import accumulator as _accumulator  # noqa: E402 - after the finder

COMPILED: bool = not str(_accumulator.__file__).endswith(".py")
"""Whether the extensions run."""
