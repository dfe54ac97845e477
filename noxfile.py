"""Checks in environments of their own; `nox -l` lists them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
nox.options.sessions = ["tests", "pure", "lint", "types"]

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15"]

PROJECT = nox.project.load_toml("pyproject.toml")
TEST_TOOLS = nox.project.dependency_groups(PROJECT, "test")

# The tests that go through compiled code, on one event loop each: it takes several times as long as otherwise.
COMPILED_TESTS = [
    "tests/speedups", "tests/http", "tests/net", "tests/websocket", "tests/growth", "tests/test_batch.py",
    "tests/test_faults.py",
    "-k",
    "speedups or test_frames or test_head or test_http1 or test_multiplexer or test_native_pool or test_timeouts "
    "or test_tlslayer or (uvloop and not httpx)",
    "-o", "timeout=900",
]  # fmt: skip


def install(session: nox.Session, extras: str = "[all]", *options: str, mode: str = "require") -> None:
    """Install Pynector, built as PYNECTOR_CYTHON=mode says, and what the tests need."""
    # setuptools would take a finished extension of another mode from here.
    for stale in Path("build").glob("lib*"):
        shutil.rmtree(stale)
    session.install("--no-cache-dir", *options, f".{extras}", *TEST_TOOLS, env={"PYNECTOR_CYTHON": mode})


def check_build(session: nox.Session, python: str, *, compiled: bool) -> None:
    """Fail where an environment's Pynector is not of this build, or warns at import."""
    code = f"from pynector._speedups import COMPILED; assert COMPILED is {compiled}"
    session.run(python, "-W", "error", "-c", code, external=python != "python")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on the compiled build."""
    install(session)
    check_build(session, "python", compiled=True)
    session.run("pytest", *session.posargs)


@nox.session(python=PYTHONS)
def pure(session: nox.Session) -> None:
    """Run the tests on an install without extensions."""
    install(session, mode="skip")
    check_build(session, "python", compiled=False)
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
def docs(session: nox.Session) -> None:
    """Make the documentation a site, in the folder after `--` if there is one, and check its links."""
    session.install("-e", ".[docs]", env={"PYNECTOR_CYTHON": "skip"})
    # A link to a page or a heading that is not there is a warning.
    (site,) = session.posargs or [str(Path(session.create_tmp()) / "site")]
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "docs", site)


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
def packages(session: nox.Session) -> None:
    """Build the sdist and the pure wheel, check them, and try the wheel; a folder after `--` gets both."""
    sdist, wheel = built(session, "skip")
    python = bare_environment(session)
    session.run(python, "-m", "pip", "install", "-q", str(wheel), external=True)
    with session.chdir(wheel.parent):
        check_build(session, python, compiled=False)
        session.run(python, "-W", "error", "-m", "pynector", "info", external=True)
    for folder in session.posargs:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for file in (sdist, wheel):
            shutil.copy(file, folder)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the compiled wheel, check it, and run the sdist's tests against it in an environment of their own."""
    sdist, wheel = built(session, "require")
    python = bare_environment(session)
    session.run(python, "-m", "pip", "install", "-q", f"{wheel}[all]", *TEST_TOOLS, external=True)
    shutil.unpack_archive(sdist, sdist.parent, filter="data")
    with session.chdir(sdist.parent / sdist.name.removesuffix(".tar.gz")):
        check_build(session, python, compiled=True)
        session.run(python, "-m", "pytest", *session.posargs, external=True)
    # Where there is no compiler, the sdist makes a pure one.
    python = bare_environment(session)
    session.run(python, "-m", "pip", "install", "-q", "--no-cache-dir", str(sdist), external=True, env={"CC": "false"})
    with session.chdir(sdist.parent):
        check_build(session, python, compiled=False)


def built(session: nox.Session, mode: str) -> tuple[Path, Path]:
    """Build the sdist of what is committed, and the wheel from that, and check what is in them."""
    session.install("build", "check-wheel-contents", "twine", "validate-pyproject[all]")
    folder = Path(session.create_tmp()).resolve()
    shutil.rmtree(folder)
    (folder / "tree").mkdir(parents=True)
    session.run("git", "archive", "--output", str(folder / "tree.tar"), "HEAD", external=True)
    shutil.unpack_archive(folder / "tree.tar", folder / "tree", filter="data")
    # Without --wheel and --sdist, build makes the wheel from the sdist: what the sdist lacks is noticed.
    session.run(
        "python", "-m", "build", "--quiet", "--outdir", str(folder), str(folder / "tree"), env={"PYNECTOR_CYTHON": mode}
    )
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    session.run("python", "-m", "tests.distributions", str(folder / "tree"), str(sdist), str(wheel))
    session.run("twine", "check", "--strict", str(sdist), str(wheel))
    session.run("check-wheel-contents", str(wheel))
    session.run("validate-pyproject", "pyproject.toml")
    return sdist, wheel


def bare_environment(session: nox.Session) -> str:
    """Make an environment that has none of the session's packages, and return its Python."""
    folder = Path(session.create_tmp()).resolve() / "bare"
    session.run("python", "-m", "venv", "--clear", str(folder))
    return str(folder / "bin" / "python")


@nox.session(python="3.10")
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest release of each dependency that pyproject.toml allows."""
    pins = str(Path(session.create_tmp()) / "lowest.txt")
    session.install("uv")
    extras = [f"--extra={name}" for name in ("all", "httpx")]
    session.run("uv", "pip", "compile", "-q", "--resolution", "lowest-direct", *extras, "-o", pins, "pyproject.toml")
    session.install(*(requirement.replace(">=", "==") for requirement in PROJECT["build-system"]["requires"]))
    install(session, "[all,httpx]", "--no-build-isolation", "--constraint", pins)
    session.run("pytest", *session.posargs)
