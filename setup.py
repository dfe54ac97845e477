"""The extensions; everything else about the package is in pyproject.toml.

Every module with a .pxd beside it is compiled, by PYNECTOR_CYTHON:
auto (default): without extensions where they cannot be built; require: or fail; skip: none;
checked: None and overflow checks; trace: line tracing for coverage;
sanitize: gcc's AddressSanitizer and UndefinedBehaviorSanitizer, which Python must be started for (see noxfile.py).
"""

import multiprocessing
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

MODES = ("auto", "require", "skip", "checked", "trace", "sanitize")
MODE = os.environ.get("PYNECTOR_CYTHON") or ("auto" if sys.implementation.name == "cpython" else "skip")
if MODE not in MODES:
    raise SystemExit(f"PYNECTOR_CYTHON must be one of {', '.join(MODES)}, not {MODE!r}")

SOURCE = Path("src")

# Python's own flags have signed integers wrap, which would hide that they overflow.
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-wrapv", "-fno-omit-frame-pointer"]


class BuildAllOrNothing(build_ext):  # type: ignore[misc]
    """Drops every extension when one fails: a compiled module cannot cimport a pure one."""

    extensions: list[Any]
    parallel: int | bool | None
    inplace: int | bool

    def finalize_options(self) -> None:
        super().finalize_options()
        # As many compilers at once as there are cores.
        self.parallel = self.parallel or True

    def run(self) -> None:
        is_inplace = self.inplace
        try:
            # Not before: most of what setup.py is asked for needs no extension.
            if self.extensions:
                translate(self.extensions)
            super().run()
        except Exception as error:
            if MODE != "auto":
                raise SystemExit(
                    f"pynector: PYNECTOR_CYTHON={MODE}, and the extensions cannot be built: {error}\n"
                    "Install a C compiler and Python's headers, or build with PYNECTOR_CYTHON=skip."
                ) from error
            print(f"pynector: building without extensions: {error}", file=sys.stderr)
            # It is another while extensions are built; those of an earlier build must not stay beside newer sources.
            self.inplace = is_inplace
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
                built = Path(self.build_lib, self.get_ext_filename(extension.name))
                built.unlink(missing_ok=True)
            self.extensions = []


def compiler_flags() -> list[str]:
    if os.name == "nt":
        return []
    return ["-O1", "-g", *SANITIZERS] if MODE == "sanitize" else ["-O3", "-g0"]


def processes() -> int:
    # One that does not begin as a copy of this one would run this file again.
    return (os.cpu_count() or 1) if multiprocessing.get_start_method() == "fork" else 0


def extensions() -> list[Any]:
    if MODE == "skip" or (MODE == "auto" and find_spec("Cython") is None):
        return []
    macros: list[tuple[str, str]] = []
    if MODE == "trace":
        macros = [("CYTHON_TRACE", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
    if MODE == "sanitize":
        # What is freed must not be used again for another object.
        macros = [("CYTHON_USE_FREELISTS", "0")]
    return [
        Extension(
            ".".join(pxd.relative_to(SOURCE).with_suffix("").parts),
            [str(pxd.with_suffix(".py"))],
            define_macros=macros,
            extra_compile_args=compiler_flags(),
            extra_link_args=SANITIZERS[:1] if MODE == "sanitize" else [],
        )
        for pxd in sorted(SOURCE.rglob("*.pxd"))
        if pxd.with_suffix(".py").exists()
    ]


def translate(modules: list[Any]) -> None:
    """Have C for the sources of extensions."""
    from Cython.Build import cythonize
    from Cython.Compiler import Options

    Options.warning_errors = True
    # docs/architecture.md says what threads share, and how. A tenth of the C would be for pickling.
    directives = {
        "language_level": 3, "annotation_typing": False, "auto_pickle": False, "freethreading_compatible": True,
    }  # fmt: skip
    if MODE == "checked":
        directives |= {"nonecheck": True, "overflowcheck": True}
    if MODE == "trace":
        directives |= {"linetrace": True}
    folder = f"build/cython-{MODE}"
    translated = cythonize(list(modules), nthreads=processes(), build_dir=folder, compiler_directives=directives)
    by_name = {module.name: module for module in translated}
    for module in modules:
        module.sources, module.depends = by_name[module.name].sources, by_name[module.name].depends


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildAllOrNothing})
