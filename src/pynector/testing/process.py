"""The loopback server as a process of its own, and the object that owns the process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import anyio
import anyio.to_thread

from .http2 import require_ngh2
from .http2.frames import SETTINGS_IDS
from .state import ServerStats

READY = "pynector.testing: listening "
"""What the line begins with by which the child reports its address, as JSON."""

_STOP_TIMEOUT = 5.0
_CONTROL_TIMEOUT = 30.0


class LoopbackServer:
    """An HTTP server in a process of its own, for tests and benchmarks.

    It is used as a context manager, plain or asynchronous, or by `start` and `stop`. Its methods
    may be called from any thread, and block: in asynchronous code call them in a worker thread.
    The process ends with the process that started it, however that one ends.

    Args:
        host: The address to listen on.
        port: The TCP port; 0 chooses a free one at the first start, which later ones keep.
        uds: Path of a Unix domain socket to listen on instead.
        certfile: Path of a certificate chain in PEM; with it the server speaks TLS.
        keyfile: Path of the private key, None when `certfile` contains it.
        client_ca: Path of the certificates (PEM) that a client's certificate must be signed by;
            None asks for no client certificate.
        http2: True speaks HTTP/2 besides HTTP/1.1: over TLS with those who agree on it by ALPN, in clear text with
            those who begin with its preface. "only" speaks nothing else.
        http2_settings: The settings that each connection of HTTP/2 begins with, such as `{"max_concurrent_streams":
            10, "initial_window_size": 65535}`; names as in RFC 9113, section 6.5.2, in lower case. By default
            128 streams, and windows of 1 MiB for each and of 16 MiB for all.
        startup_timeout: Seconds that the process may take to listen.

    Raises:
        ValueError: Options exclude each other, or there is no such setting.
        ImportError: HTTP/2 is asked for, and ngh2 is not installed.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        uds: str | os.PathLike[str] | None = None,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        client_ca: str | os.PathLike[str] | None = None,
        http2: bool | Literal["only"] = False,
        http2_settings: Mapping[str, int] | None = None,
        startup_timeout: float = 30.0,
    ) -> None:
        if certfile is None and (keyfile is not None or client_ca is not None):
            raise ValueError("keyfile and client_ca need a certfile")
        if not http2 and http2_settings:
            raise ValueError("http2_settings need http2=True")
        for name in http2_settings or ():
            if name not in SETTINGS_IDS:
                raise ValueError(f"HTTP/2 has no setting {name!r}, but {', '.join(SETTINGS_IDS)}")
        if http2:
            require_ngh2()
        self._host = host
        self._port = port
        self._uds = uds
        self._tls = {"--certfile": certfile, "--keyfile": keyfile, "--client-ca": client_ca}
        self._http2 = [] if not http2 else ["--http2"] if http2 is True else ["--http2=only"]
        self._http2 += [f"--http2-setting={name}={value}" for name, value in (http2_settings or {}).items()]
        self._startup_timeout = startup_timeout
        self._lock = threading.RLock()
        self._process: subprocess.Popen[str] | None = None
        self._url = ""
        self._control_port = 0

    def __repr__(self) -> str:
        state = "stopped" if self._process is None else f"pid {self._process.pid}"
        return f"<LoopbackServer {self._url or 'not started yet'} ({state})>"

    @property
    def url(self) -> str:
        """The base URL without a slash at its end; for a Unix domain socket its host is localhost.

        Raises:
            RuntimeError: The server has never been started.
        """
        if not self._url:
            raise RuntimeError("The loopback server has not been started")
        return self._url

    @property
    def port(self) -> int:
        """The TCP port, 0 for a Unix domain socket.

        Raises:
            RuntimeError: The port is to be chosen, and the server has never been started.
        """
        if not self._port and self._uds is None:
            raise RuntimeError("The loopback server has not been started")
        return self._port

    @property
    def pid(self) -> int:
        """The id of the process.

        Raises:
            RuntimeError: The server does not run.
        """
        return self._running().pid

    # Life of the process...

    def start(self) -> None:
        """Start the process and wait until it listens.

        Raises:
            RuntimeError: It runs already, or it ended or took too long before it listened; the
                message then contains what it wrote to stderr.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                raise RuntimeError("The loopback server is running already")
            self.kill()
            with tempfile.TemporaryFile() as stderr:
                process = self._spawn(stderr)
                try:
                    address = _read_address(process, self._startup_timeout)
                except BaseException:
                    _kill(process)
                    raise
                if address is None:
                    _kill(process)
                    raise RuntimeError(self._failure(process, stderr))
            self._process = process
            self._url = address["url"]
            self._port = address["port"]
            self._control_port = address["control_port"]

    def stop(self) -> None:
        """End the process and remove its Unix domain socket. Does nothing when none runs."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                _end(process)
            if self._uds is not None and self._url:
                Path(self._uds).unlink(missing_ok=True)

    def kill(self) -> None:
        """End the process at once, as a crash would. Does nothing when none runs."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                _kill(process)

    def restart(self) -> None:
        """Replace the process by a new one on the same address.

        Raises:
            RuntimeError: As from `start`.
        """
        with self._lock:
            self.stop()
            self.start()

    def _spawn(self, stderr: IO[bytes]) -> subprocess.Popen[str]:
        options = {"--host": self._host, "--port": self._port, "--uds": self._uds, **self._tls}
        arguments = [f"{name}={value}" for name, value in options.items() if value is not None]
        return subprocess.Popen(
            [sys.executable, "-m", "pynector.testing", "--exit-on-eof", *arguments, *self._http2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment(),
            encoding="utf-8",
            # Ctrl-C in a terminal is for the parent, which may still want to ask for the counts.
            start_new_session=True,
        )

    def _failure(self, process: subprocess.Popen[str], stderr: IO[bytes]) -> str:
        stderr.seek(0)
        text = stderr.read().decode("utf-8", "replace").strip()
        return (
            f"The loopback server did not start to listen within {self._startup_timeout} seconds, "
            f"its process ended with exit status {process.returncode}. It wrote to stderr:\n{text}"
        )

    # The server's own counts...

    def stats(self) -> ServerStats:
        """Ask the server for its counts; the question itself is not counted.

        Raises:
            RuntimeError: The server does not run.
        """
        return ServerStats(**json.loads(self._control("/stats")))

    def reset(self) -> None:
        """Set the counts to zero and forget the attempts of `/flaky`.

        What is in flight or open at the moment stays counted as such.

        Raises:
            RuntimeError: The server does not run.
        """
        self._control("/reset")

    def _control(self, path: str) -> bytes:
        with self._lock:
            self._running()
            address = ("127.0.0.1", self._control_port)
        connection = http.client.HTTPConnection(*address, timeout=_CONTROL_TIMEOUT)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()

    def _running(self) -> subprocess.Popen[str]:
        process = self._process
        if process is None or process.poll() is not None:
            raise RuntimeError("The loopback server is not running")
        return process

    # Context managers...

    def __enter__(self) -> LoopbackServer:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> LoopbackServer:
        try:
            await anyio.to_thread.run_sync(self.start)
        except BaseException:
            # Cancelled while the thread was starting the process: __aexit__ will not be called.
            await self._stop_shielded()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop_shielded()

    async def _stop_shielded(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)


def _environment() -> dict[str, str]:
    """Return an environment in which the child imports what this process would import."""
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    # Without PYTHONSAFEPATH, -m would put the working directory before all of this.
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def _read_address(process: subprocess.Popen[str], timeout: float) -> dict[str, Any] | None:
    """Wait for the address of a new process; None when it ends or is ended by the timeout."""
    assert process.stdout is not None
    # Killing it is the one way to end a blocking read that works on all platforms.
    timer = threading.Timer(timeout, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            if line.startswith(READY):
                address: dict[str, Any] = json.loads(line[len(READY) :])
                return address
        return None
    finally:
        timer.cancel()
        timer.join()


def _end(process: subprocess.Popen[str]) -> None:
    """End a process by closing its stdin, or by force if that takes it too long."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_TIMEOUT)
    _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    # The end of the block closes the pipes and waits.
    with process:
        process.kill()
