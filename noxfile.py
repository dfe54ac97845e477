"""Checks in environments of their own; `nox -l` lists them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
nox.options.sessions = ["tests", "pure", "lint", "types"]

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]

# What the tests need beyond Pynector and its extras.
TEST_TOOLS = ["hypothesis", "pytest", "pytest-benchmark", "pytest-timeout", "pytest-xdist", "trio", "trustme"]

# The tests that go through compiled code, on one event loop each: it takes several times as long as otherwise.
COMPILED_TESTS = [
    "tests/speedups", "tests/http", "tests/websocket", "tests/growth", "tests/test_batch.py", "tests/test_faults.py",
    "-k",
    "speedups or test_frames or test_head or test_http1 or test_multiplexer or test_native_pool or test_timeouts "
    "or (uvloop and not httpx)",
    "-o", "timeout=900",
]  # fmt: skip


def install(session: nox.Session, extras: str = "[all]", mode: str = "require") -> None:
    """Install Pynector, built as PYNECTOR_CYTHON=mode says, and what the tests need."""
    # setuptools would take a finished extension of another mode from here.
    for stale in Path("build").glob("lib*"):
        shutil.rmtree(stale)
    session.install("--no-cache-dir", f".{extras}", *TEST_TOOLS, env={"PYNECTOR_CYTHON": mode})


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on the compiled build."""
    install(session)
    session.run("python", "-c", "from pynector._speedups import COMPILED; assert COMPILED")
    session.run("pytest", *session.posargs)


@nox.session(python=PYTHONS)
def pure(session: nox.Session) -> None:
    """Run the tests on an install without extensions."""
    install(session, mode="skip")
    session.run("python", "-c", "from pynector._speedups import COMPILED; assert not COMPILED")
    session.run("pytest", *session.posargs)


@nox.session
def checked(session: nox.Session) -> None:
    """Run the tests on extensions that check for None and overflow."""
    install(session, mode="checked")
    session.run("pytest", *session.posargs)


@nox.session
def sanitized(session: nox.Session) -> None:
    """Run the tests of the hot path on extensions built with AddressSanitizer and UndefinedBehaviorSanitizer (gcc)."""
    install(session, mode="sanitize")
    # What the sanitizers say before they end the process goes past sys.stderr, and would be lost with it.
    session.run("pytest", "--capture=sys", *(session.posargs or COMPILED_TESTS), env=sanitizer_environment())


def sanitizer_environment() -> dict[str, str]:
    """Return what has Python run with extensions that are instrumented, while it is not itself."""
    libraries = ("libasan.so", "libubsan.so", "libstdc++.so")
    found = [subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip() for name in libraries]
    return {
        "LD_PRELOAD": " ".join(found),
        # Python keeps what it needs to its end, which is no leak; tests/growth finds those.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        # Python's own allocator would put objects side by side, where an access beyond one is not seen.
        "PYTHONMALLOC": "malloc",
    }


@nox.session
def fuzz(session: nox.Session) -> None:
    """Run the fuzzers with atheris: each for a minute, or as the arguments say."""
    # It does not see into extensions.
    install(session, mode="skip")
    session.install("atheris")
    session.run("python", "-m", "tests.fuzz", *(session.posargs or ["all"]))


@nox.session
def no_speedups(session: nox.Session) -> None:
    """Run the tests without uvloop and httptools."""
    install(session, extras="[telemetry,http2,cli]")
    session.run("pytest", *session.posargs)


@nox.session
def no_telemetry(session: nox.Session) -> None:
    """Run the tests without OpenTelemetry and structlog."""
    install(session, extras="[speedups,http2,cli]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("ruff")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    session.install("-e", ".[dev]", env={"PYNECTOR_CYTHON": "skip"})
    session.run("mypy")
    session.run("mypy", "--strict", "noxfile.py")


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure the branch coverage of the pure build."""
    # Editable, so that the report names the files of the checkout.
    session.install("-e", ".[dev]", env={"PYNECTOR_CYTHON": "skip"})
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-q", *session.posargs, env={"PYNECTOR_PURE": "1"})
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run the benchmarks and check their results."""
    install(session, extras="[bench]")
    session.run("pytest", "benchmarks", *session.posargs)
    session.run("python", "-m", "benchmarks.check")


@nox.session
def build(session: nox.Session) -> None:
    """Build the sdist, the wheel from it, and try the wheel in a fresh environment."""
    session.install("build")
    folder = Path(session.create_tmp()).resolve()
    distributions = folder / "dist"
    for old in distributions.glob("*"):
        old.unlink()
    # Without --wheel and --sdist, build makes the wheel from the sdist: what the sdist lacks is noticed.
    session.run("python", "-m", "build", "--outdir", str(distributions), env={"PYNECTOR_CYTHON": "require"})
    (wheel,) = distributions.glob("*.whl")
    session.run("python", "-m", "venv", "--clear", str(folder / "fresh"))
    python = str(folder / "fresh" / "bin" / "python")
    with session.chdir(folder):
        session.run(python, "-m", "pip", "install", "-q", f"{wheel}[speedups,cli]", external=True)
        session.run(python, "-c", "from pynector._speedups import COMPILED; assert COMPILED", external=True)
        session.run(python, "-m", "pynector", "info", external=True)
        session.run(python, "-m", "pynector", "demo", "--requests", "200", "--limits", "1,20", external=True)
