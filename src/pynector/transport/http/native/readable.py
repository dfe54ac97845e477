"""Whether there is something to read on a socket, in one system call."""

import select

COMPILED = not __file__.endswith(".py")


def is_readable(descriptor: int) -> bool:
    """Say whether there is something to read on a socket: its end, or what nobody asked for."""
    if COMPILED:
        told = pynector_readable(descriptor)  # type: ignore[name-defined] # noqa: F821
        if told >= 0:
            return bool(told)
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return len(poller.poll(0)) > 0
    return len(select.select([descriptor], [], [], 0)[0]) > 0
