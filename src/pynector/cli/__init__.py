"""The command line: `pynector get` and the like, `batch`, `load`, `info`, `demo`, `bench` and `completion`."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from typing import Any

from .parser import METHODS, parser
from .streams import complain, give_up_stdout, open_missing

# How many objects more than before there must be in `batch` for the garbage collector to look: what it makes goes by
# counting references.
MANY = 100_000

INTERRUPTED = 130  # 128 and SIGINT, as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The command line without the name of the program, None for that of the process.

    Returns:
        The exit status: 0, 1 when requests failed, or the demo met a wrong or missing answer, 2 for no command and what
        cannot be, 130 after Ctrl-C.

    Raises:
        SystemExit: For --help and --version (0), and for what is not understood (2).
    """
    open_missing()
    understood = parser()
    arguments = understood.parse_args(argv)
    if arguments.command is None:
        understood.print_help(sys.stderr)
        return 2
    try:
        return _run(arguments)
    except (KeyboardInterrupt, asyncio.CancelledError):
        # Python 3.10 makes the one of the other.
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # As with `pynector info | head -1`.
        give_up_stdout()
        return 1
    except OSError as error:
        complain(error.strerror or error)
        give_up_stdout()
        return 1


def _run(arguments: Any) -> int:
    # Here, because --help must not wait for what only one command needs.
    if arguments.command in METHODS:
        from . import request

        return request.run(arguments)
    if arguments.command == "batch":
        usual = gc.get_threshold()
        gc.set_threshold(MANY)
        try:
            from . import batch

            return batch.run(arguments)
        finally:
            gc.set_threshold(*usual)
    if arguments.command == "load":
        from . import load

        return load.run(arguments)
    if arguments.command == "completion":
        from .completion import script

        print(script(arguments.shell, parser()), end="", flush=True)
        return 0
    from . import bench, demo, info
    from .screen import open_screen

    screen = open_screen()
    if arguments.command == "info":
        return info.run(screen, arguments.json)
    if arguments.command == "bench":
        given = arguments.limits, arguments.seconds, arguments.requests, arguments.clients
        plan = bench.Plan(arguments.url, *given, arguments.yes)
        return bench.run(screen, plan, arguments.plot, arguments.json)
    return demo.run(screen, arguments.requests, arguments.limits)


__all__ = ["main"]
