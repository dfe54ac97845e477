"""Without the packages, and with nobody listening, nothing is needed and nothing is printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pynector import configure_telemetry, get_telemetry

USE = """
import asyncio, sys
if "block" in sys.argv:
    sys.modules["opentelemetry"] = None
    sys.modules["structlog"] = None
sys.path.insert(0, sys.argv[1])
from transports import ExchangeOnly
import pynector
if "configure" in sys.argv:
    pynector.configure_telemetry("service", {"a": 1})

async def main():
    async with pynector.Pynector(ExchangeOnly()) as client:
        assert await client.request(b"a") == b"a"
        results = await client.batch_request([(b"a", {}), (OSError("b"), {})])
        assert results[0] == b"a"
        assert isinstance(results[1], pynector.TransportError)
        try:
            await client.request_with_retry(OSError("c"), 2, 0)
        except pynector.TransportError:
            pass
    tracer, logger = pynector.get_telemetry("pynector.x")
    with tracer.start_as_current_span("s") as span:
        span.set_attribute("a", 1)
    logger.error("e", a=1)
asyncio.run(main())
loaded = {"opentelemetry", "structlog"} & {name for name, module in sys.modules.items() if module is not None}
assert not loaded, loaded
"""


@pytest.mark.parametrize("words", [(), ("block",), ("block", "configure")])
def test_nothing_is_printed_and_nothing_needed(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", USE, str(Path(__file__).parents[1]), *words],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_the_packages_configuring_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "structlog", None)
    configure_telemetry("service")
    with pytest.warns(UserWarning, match=r"prints nothing: OpenTelemetry's SDK is not installed") as told:
        configure_telemetry("service", console=True)
    assert [warning.filename for warning in told] == [__file__]
    tracer, logger = get_telemetry("x")
    with tracer.start_as_current_span("s") as span:
        assert not span.is_recording()
    logger.info("e")
