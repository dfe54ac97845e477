"""Where an exception goes that nobody can be given and no log can be told of."""

from __future__ import annotations

import logging


def warn(logger: logging.Logger, message: str, *args: object) -> None:
    """Log a warning; what the program's handlers and filters raise harms no request."""
    try:
        logger.warning(message, *args)
    except Exception as error:
        unraisable(error)


def unraisable(error: BaseException) -> None:
    """Give an exception to `sys.unraisablehook`, which prints it unless the program has another.

    Its context is left out: it was perhaps raised while a request's own error was handled, whose text may be secret.
    """
    error.__suppress_context__ = True
    _Raiser(error)


class _Raiser:
    """Raises where it is not caught: the hook takes only what the interpreter itself makes."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __del__(self) -> None:
        try:
            raise self._error
        finally:
            # Or the error's traceback would keep this, and this the error.
            del self._error
