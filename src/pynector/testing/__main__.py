"""`python -m pynector.testing`: the loopback server in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from .endpoints import listing
from .http2.frames import SETTINGS_IDS
from .process import READY
from .server import Listener, Listening, listen
from .state import ServerState


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C, or until the end of stdin if that was asked for.

    Args:
        argv: The command line without the name of the program, None for that of the process.

    Returns:
        The exit status: 0, or 1 when the address or a certificate cannot be used.
    """
    options = _parser().parse_args(argv)
    exit_on_eof = options.__dict__.pop("exit_on_eof")
    options.http2_settings = dict(options.http2_settings)
    _allow_many_connections()
    loop = _new_event_loop()
    try:
        loop.run_until_complete(_serve(Listener(**vars(options)), exit_on_eof))
    except (OSError, ImportError, ValueError) as error:
        print(f"Cannot listen: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        loop.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pynector.testing",
        description="An HTTP server to test clients against. It is not for the open network.",
        epilog="The endpoints are:\n" + listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="TCP port, 0 for a free one")
    parser.add_argument("--uds", metavar="PATH", help="listen on a Unix domain socket instead")
    parser.add_argument("--certfile", metavar="PATH", help="certificate chain (PEM), turns on TLS")
    parser.add_argument("--keyfile", metavar="PATH", help="private key, if not in the certfile")
    parser.add_argument("--client-ca", metavar="PATH", help="require client certificates of this CA")
    parser.add_argument(
        "--http2", nargs="?", const=True, default=False, type=_only, metavar="only", help="speak HTTP/2, too, or only"
    )
    parser.add_argument(
        "--http2-setting",
        dest="http2_settings",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="a setting of HTTP/2, as in max_concurrent_streams=10",
    )
    parser.add_argument("--exit-on-eof", action="store_true", help=argparse.SUPPRESS)
    return parser


def _only(text: str) -> str:
    if text != "only":
        raise argparse.ArgumentTypeError("expected nothing or only")
    return text


def _setting(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if name not in SETTINGS_IDS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(SETTINGS_IDS)}, got {name!r}")
    return name, int(value)


async def _serve(listener: Listener, exit_on_eof: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    # uvloop drops a KeyboardInterrupt that arrives in a callback of a protocol. Windows and
    # threads other than the main one have no signal handlers, and go without.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, stop.set)
    listening = await listen(listener, ServerState())
    try:
        if exit_on_eof:
            _call_at_eof(sys.stdin.fileno(), lambda: loop.call_soon_threadsafe(stop.set))
            print(READY + _address(listening), flush=True)
        else:
            print(f"{listener.uds or ''} {listening.url}\n\n{listing()}".lstrip(), flush=True)
        await stop.wait()
    finally:
        listening.close()


def _address(listening: Listening) -> str:
    return json.dumps(
        {
            "url": listening.url,
            "port": listening.port,
            "control_port": listening.control_port,
        }
    )


def _call_at_eof(descriptor: int, callback: Callable[[], object]) -> None:
    # A thread works for any kind of stdin on any platform. It reads the descriptor because a
    # daemon thread that holds the lock of sys.stdin would break the shutdown of the interpreter.
    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(descriptor, 1024):
                pass
        # The loop may be closed by now.
        with contextlib.suppress(RuntimeError):
            callback()

    threading.Thread(target=read, name="stdin", daemon=True).start()


def _allow_many_connections() -> None:
    """Raise the limit on open files as far as it goes, where there is such a limit."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # optional, and several times faster here
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


if __name__ == "__main__":
    sys.exit(main())
