"""The plugin for pytest, in runs of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pynector.testing import LoopbackServer

TESTS = '''
import json
import pytest
from pynector import Pynector, blocking
from pynector.testing import Answer


def looked_up(number):
    """The code under test: it makes its own client."""
    with blocking.Pynector(base_url="http://api.invalid", as_response=True) as client:
        return client.request({"path": f"/items/{number}"}).json()


def test_fake(pynector_fake):
    pynector_fake.answer("/items/*", {"id": 7})
    assert looked_up(7) == {"id": 7}
    assert len(pynector_fake.asked("http://api.invalid/items/7")) == 1


def test_fake_without_an_answer(pynector_fake):
    with pytest.raises(Exception):
        looked_up(7)


def test_virtual_time(pynector_fake, pynector_virtual_time):
    pynector_fake.answer("/items/*", Answer(json={"id": 7}, latency=20))
    assert looked_up(7) == {"id": 7}
    assert pynector_virtual_time.elapsed == 20


def test_replay(pynector_replay):
    pynector_replay("answers.json")
    assert looked_up(7) == {"id": 7}


def test_replay_of_something_new(pynector_replay):
    pynector_replay("answers.json")
    with pytest.raises(Exception):
        looked_up(8)


def test_no_network(pynector_no_network):
    with pytest.raises(Exception):
        looked_up(7)
    assert pynector_no_network == ["api.invalid:80"]


def test_server(pynector_server):
    with blocking.Pynector(base_url=pynector_server.url) as client:
        assert client.request({"path": "/id/7"}) == b"7"
'''


RECORDED = """
from pynector import blocking


def test_recorded(pynector_replay):
    pynector_replay("new.json")
    with blocking.Pynector(base_url="SERVER") as client:
        assert client.request({"path": "/id/7"}) == b"7"
"""


def run(folder: Path, *arguments: str) -> str:
    options = ["-p", "no:cacheprovider", "-p", "pytest_pynector", "-W", "error", "-c", "/dev/null", "-q", "-rA"]
    command = [sys.executable, "-m", "pytest", *options, *arguments, "test_own.py"]
    # Those that are installed here take seconds to import.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=folder, env=environment).stdout


@pytest.mark.parametrize("more", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "xdist"])
def test_each_fixture_does_its_work(tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / "test_own.py").write_text(TESTS)
    exchange = {
        "request": {"method": "GET", "url": "http://api.invalid/items/7"},
        "answer": {"status": 200, "json": {"id": 7}},
    }
    (tmp_path / "answers.json").write_text(json.dumps({"version": 1, "exchanges": [exchange]}))
    said = run(tmp_path, *more)
    # What was noticed at a fixture's end is an error of its test, which itself has passed.
    assert "7 passed, 3 errors" in said, said
    for name in ("fake_without_an_answer", "replay_of_something_new", "no_network"):
        assert f"ERROR test_own.py::test_{name}" in said


def test_an_option_of_pytest_records(tmp_path: Path, server: LoopbackServer) -> None:
    (tmp_path / "test_own.py").write_text(RECORDED.replace("SERVER", server.url))
    assert "1 passed" in run(tmp_path, "--pynector-record=new")
    server.reset()
    assert "1 passed" in run(tmp_path)
    assert server.stats().requests == 0


def test_the_plugin_imports_nothing_of_the_package() -> None:
    code = "import sys, pytest_pynector; print([name for name in sys.modules if name.startswith('pynector')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")
