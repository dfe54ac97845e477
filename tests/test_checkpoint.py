"""The file of a resumable job: what was called back is in it, whatever happens; and it is nobody else's."""

from __future__ import annotations

import os
import queue
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from pynector import CheckpointError, ConfigurationError, PynectorError
from pynector.callbacks import running_loop
from pynector.dispatch import resultfile
from pynector.dispatch.checkpoint import Checkpoint
from pynector.dispatch.identities import Identities, digest_of
from pynector.eventloop import ClientContext

posix = pytest.mark.skipif(os.name == "nt", reason="modes and links are others there")

DIGEST = digest_of(b"GET", b"http://h/p", b"")
FAILURE = PynectorError("it failed")


class Job:
    """One run of a job: what it asks of its checkpoint, and what that calls back. Its event loop is this thread."""

    def __init__(self, path: Path, retry_failed: bool) -> None:
        self.told: list[Any] = []
        self.failures: list[CheckpointError] = []
        self._calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.checkpoint = Checkpoint(path, retry_failed, lambda *call: self._calls.put(call), self.failures.append)

    def find(self, index: int, key: Any = None, digest: bytes = DIGEST) -> int:
        return self.checkpoint.find(index, key, digest)

    def ask(self, index: int, result: Any, key: Any = None) -> None:
        self.checkpoint.keep(index, key, DIGEST, result, self.told.append, index)

    def keep(self, index: int, result: Any, key: Any = None) -> None:
        """Return when it is durable."""
        self.ask(index, result, key)
        self.until(len(self.told) + 1)

    def fetch(self, row: int) -> Any:
        self.checkpoint.fetch(row, self.told.append)
        self.until(len(self.told) + 1)
        return self.told.pop()

    def until(self, count: int) -> None:
        while len(self.told) < count and not self.failures:
            call, *args = self._calls.get(timeout=30)
            call(*args)

    def turns(self) -> Iterator[list[Any]]:
        """What was called back in each turn of the event loop."""
        while not self._calls.empty():
            before = len(self.told)
            call, *args = self._calls.get()
            call(*args)
            yield self.told[before:]


@contextmanager
def run(path: Path, retry_failed: bool = True) -> Iterator[Job]:
    job = Job(path, retry_failed)
    job.checkpoint.open()
    try:
        yield job
    finally:
        job.checkpoint.close()


def refused(path: Path) -> str:
    """What is said of a file that cannot be used."""
    checkpoint = Checkpoint(path, True, lambda *call: None, lambda error: None)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.open()
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path.resolve() / "job.db"


# From one run to the next


def test_the_next_run_finds_what_was_kept(path: Path) -> None:
    names = [(0, None), (0, "0"), (0, 0), (1, ""), (2, "\ud800\0"), (3, -1), (4, 10**5000), (2**70, None)]
    with run(path) as job:
        assert [job.find(index, key) for index, key in names] == [0] * len(names)
        for number, (index, key) in enumerate(names):
            job.keep(index, f"result {number}", key)
        assert (job.checkpoint.kept, job.checkpoint.found) == (len(names), 0)
    with run(path) as job:
        rows = [job.find(index, key) for index, key in names]
        assert [job.fetch(row) for row in rows] == [f"result {number}" for number in range(len(names))]
        assert [job.find(1), job.find(0, "1")] == [0, 0]
        assert (job.checkpoint.kept, job.checkpoint.found) == (0, len(names))


def test_what_was_asked_for_is_called_back_in_order_and_also_when_it_is_closed(path: Path) -> None:
    with run(path) as job:
        job.keep(0, b"first")
    with run(path) as job:
        row = job.find(0)
        for index in range(1, 1000):
            job.ask(index, b"")
            if index % 100 == 0:
                job.checkpoint.fetch(row, job.told.append)
    turns = list(job.turns())
    # Those of one commit in one turn.
    assert len(turns) < 500
    assert [what for what in job.told if what != b"first"] == list(range(1, 1000))
    assert [index for index, what in enumerate(job.told) if what == b"first"] == list(range(100, 909, 101))
    assert (job.checkpoint.kept, job.checkpoint.found) == (999, 9)


@pytest.mark.anyio
async def test_it_calls_back_in_the_thread_of_the_event_loop(path: Path) -> None:
    loop, told, all_told = running_loop(ClientContext()), list[Any](), anyio.Event()
    checkpoint = Checkpoint(path, True, loop.call_from_anywhere, told.append)

    def note(index: int) -> None:
        told.append((index, threading.current_thread()))
        if index == 4:
            all_told.set()

    await anyio.to_thread.run_sync(checkpoint.open)
    for index in range(5):
        checkpoint.keep(index, None, DIGEST, b"", note, index)
    with anyio.fail_after(30):
        await all_told.wait()
    await anyio.to_thread.run_sync(checkpoint.close)
    assert told == [(index, threading.main_thread()) for index in range(5)]


def test_failures_are_sent_again_and_replaced(path: Path) -> None:
    with run(path) as job:
        job.keep(0, FAILURE)
        job.keep(1, b"fine")
    with run(path) as job:
        # It is still there for a run that comes to no result of its own.
        assert (job.find(0), job.find(1)) == (0, 2)
    with run(path) as job:
        assert job.find(0) == 0
        job.keep(0, b"fine now")
    with run(path) as job:
        assert job.fetch(job.find(0)) == b"fine now"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM results").fetchone() == (2,)


def test_failures_are_kept_if_that_is_asked_for(path: Path) -> None:
    with run(path) as job:
        job.keep(0, FAILURE)
    with run(path, retry_failed=False) as job:
        found = job.fetch(job.find(0))
        assert (type(found), str(found)) == (PynectorError, "it failed")


def test_a_job_whose_source_has_changed_is_refused(path: Path) -> None:
    other = digest_of(b"GET", b"http://h/", b"p")
    assert other != DIGEST
    with run(path) as job:
        job.keep(7, FAILURE)
        job.keep(8, b"", "k")
    with run(path) as job:
        with pytest.raises(CheckpointError, match="another request for position 7"):
            job.find(7, None, other)
        with pytest.raises(CheckpointError, match="another request for the key 'k'"):
            job.find(0, "k", other)


def test_a_key_is_one_entrys(path: Path) -> None:
    with run(path) as job:
        job.keep(0, b"", "kept")
    with run(path) as job:
        assert (job.find(0, "kept"), job.find(1, "new"), job.find(2, 5), job.find(3, "5")) == (1, 0, 0, 0)
        for key in ("kept", "new", 5):
            with pytest.raises(ConfigurationError, match=f"the key {key!r}, too"):
                job.find(4, key)
        for wrong in (True, 1.5, b"a", ("a",)):
            with pytest.raises(ConfigurationError, match=f"str or an int, not {type(wrong).__name__}"):
                job.find(4, wrong)


def test_a_result_of_another_type_is_refused_and_nothing_else_with_it(path: Path) -> None:
    with run(path) as job:
        with pytest.raises(ConfigurationError, match=r"not builtins\.set"):
            job.keep(0, {1})
        job.keep(1, b"")
        assert job.checkpoint.kept == 1


def test_an_idempotency_key_is_one_entrys_of_one_job_over_all_its_runs(path: Path, tmp_path: Path) -> None:
    names = [(0, None), (0, 0), (0, "0"), (1, None)]
    keys = []
    for file in (path, path, tmp_path / "other.db"):
        with run(file) as job:
            keys.append([job.checkpoint.idempotency_key(index, key) for index, key in names])
    assert keys[0] == keys[1]
    assert len({*keys[0], *keys[2]}) == 8


def test_a_million_names_take_little_memory() -> None:
    known, count = Identities(), 20_000
    tracemalloc.start()
    try:
        assert known.load((row, b"s%d" % row, DIGEST, row % 2 == 0) for row in range(1, count + 1)) == count
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Most of it are the shards themselves, which are as many for a million.
    assert taken < 2_000_000
    assert all(known.row_of(b"s%d" % row) == row for row in range(1, count + 1, 97))
    assert (known.row_of(b"s0"), known.is_failure(2), known.is_failure(3)) == (-1, True, False)


# A kill, a full disk


HOLD = """
import sys, threading
from pynector.dispatch.checkpoint import Checkpoint
from pynector.dispatch.identities import digest_of

def call(function, *args):
    function(*args)

checkpoint = Checkpoint(sys.argv[1], True, call, None)
checkpoint.open()
for index in range(int(sys.argv[2])):
    checkpoint.keep(index, None, digest_of(b"GET", b"http://h/p", b""), b"x" * 100, print, index)
sys.stdin.read()
"""


@contextmanager
def holding(path: Path, count: int) -> Iterator[subprocess.Popen[str]]:
    """Another process that keeps results, and says which are durable."""
    command = [sys.executable, "-u", "-c", HOLD, str(path), str(count)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "0\n"
            yield process
        finally:
            process.kill()


def test_a_job_has_its_file_to_itself_until_it_is_killed(path: Path) -> None:
    with holding(path, 20_000) as process:
        assert "another job" in refused(path)
        process.kill()
        assert process.stdout is not None
        told = [0, *map(int, process.stdout)]
    with run(path) as job:
        assert all(job.find(index) for index in told)
        # In this process, too.
        assert "another job" in refused(path)
        job.keep(100_000, b"")
    with run(path) as job:
        assert job.find(100_000)


def test_a_torn_write_is_repaired(path: Path, tmp_path: Path) -> None:
    """Whatever of the log is lost at its end: what was durable before is there."""
    log, ends = Path(f"{path}-wal"), []
    with run(path) as job:
        for index in range(30):
            job.keep(index, os.urandom(random.randrange(5000)))
            ends.append(log.stat().st_size)
        copies = [shutil.copy(file, tmp_path / f"copy{file.name[6:]}") for file in (path, log)]
        whole = copies[1].read_bytes()
    for size in [0, 31, 32, len(whole) - 1, *random.sample(range(len(whole)), 8)]:
        copy = tmp_path / "torn.db"
        shutil.copy(copies[0], copy)
        # What the disk had there before it was written to.
        Path(f"{copy}-wal").write_bytes(whole[:size] + os.urandom(random.choice([0, 3000])))
        durable = sum(end <= size for end in ends)
        with run(copy) as job:
            assert [bool(job.find(index)) for index in range(30)] == [True] * durable + [False] * (30 - durable), size
            job.keep(30, b"")


def test_a_full_disk_ends_the_job_and_loses_nothing_that_was_durable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run(path) as job:
        job.keep(0, b"first")

    class Full(sqlite3.Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.execute("PRAGMA max_page_count = 30")

    with monkeypatch.context() as patch:
        connect = sqlite3.connect
        patch.setattr(resultfile.sqlite3, "connect", lambda *args, **options: connect(*args, **options, factory=Full))
        with run(path) as job:
            for index in range(1, 200):
                job.ask(index, bytes(1000))
                if index % 5 == 0:
                    job.until(index)
    assert [str(error) for error in job.failures] == [
        f"the checkpoint {path} cannot be used: the disk is full (database or disk is full)"
    ]
    told = job.told
    with run(path) as job:
        assert [bool(job.find(index)) for index in range(200)] == [True] * (len(told) + 1) + [False] * (199 - len(told))
        job.keep(199, b"")


# Files that cannot be used


@posix
def test_only_its_owner_can_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        with run(path) as job:
            job.keep(0, b"")
            beside = sorted(path.parent.iterdir())
            assert [stat.S_IMODE(file.stat().st_mode) for file in beside] == [0o600] * len(beside)
            assert [file.name for file in beside] == ["job.db", "job.db-wal"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


@posix
def test_a_link_to_nothing_leads_to_a_file_that_only_its_owner_can_read(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with run(link) as job:
        job.keep(0, b"")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE users (name)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {resultfile.APPLICATION}")
        connection.execute(f"PRAGMA user_version = {resultfile.VERSION + 1}")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("a text " * 1000), "no checkpoint of Pynector's"),
        (foreign_database, "no checkpoint of Pynector's"),
        (newer, "another version"),
    ],
)
def test_a_foreign_file_is_refused_and_left_as_it_is(path: Path, make: Any, said: str) -> None:
    make(path)
    before = path.read_bytes()
    assert said in refused(path)
    assert (path.read_bytes(), list(path.parent.iterdir())) == (before, [path])


def test_what_was_killed_while_it_was_made_is_made_again(path: Path) -> None:
    path.touch()
    with run(path) as job:
        job.keep(0, b"")


def test_a_damaged_file_is_refused(path: Path) -> None:
    with run(path) as job:
        for index in range(100):
            job.ask(index, bytes(1000))
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 16384)
    assert "malformed" in refused(path)


def test_a_damaged_result_ends_the_job(path: Path) -> None:
    with run(path) as job:
        job.keep(0, [1])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE results SET body = '['")
        connection.commit()
    with run(path) as job:
        job.checkpoint.fetch(job.find(0), job.told.append)
        job.until(1)
        assert job.told == []
        assert [str(path) in str(error) for error in job.failures] == [True]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may do everything."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@posix
def test_a_place_where_no_file_can_be_is_refused() -> None:
    with as_nobody():
        assert "No such file or directory" in refused(Path("/no/such/folder/job.db"))
        assert "it is a folder" in refused(Path("/"))
        assert "Permission denied" in refused(Path("/job.db"))


@posix
def test_a_file_that_may_not_be_written_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "job.db"
        with run(path):
            pass
        os.chmod(folder, 0o555)
        path.chmod(0o444)
        with as_nobody():
            assert "may not be written" in refused(path)
        path.chmod(0)
        with as_nobody():
            assert "may not be written" in refused(path)
        os.chmod(folder, 0o755)


@pytest.mark.parametrize("wrong", ["", None, 5, b"job.db", "a\0b"])
def test_a_path_is_a_path(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="checkpoint must be the path"):
        Checkpoint(wrong, True, print, print)


def test_of_those_who_open_it_in_the_same_moment_one_gets_it(path: Path) -> None:
    outcomes: list[Any] = []
    start = threading.Barrier(8)

    def begin() -> None:
        checkpoint = Checkpoint(path, True, print, print)
        start.wait()
        try:
            checkpoint.open()
        except CheckpointError as error:
            outcomes.append(str(error))
        else:
            outcomes.append(checkpoint)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Checkpoint)]
    winner.close()
    assert all("another job" in outcome for outcome in outcomes if outcome is not winner)
