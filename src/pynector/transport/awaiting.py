"""Awaits what a transport was given by `submit`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .._speedups.waiter import Answer
from ..eventloop import Runtime


async def answer_to(submit: Callable[..., Any], data: Any, options: Mapping[str, Any]) -> Any:
    """Submit a request and give its answer; cancelling gives it up.

    Raises:
        BaseException: What it failed with.
    """
    answer = Answer(Runtime.current().new_future())
    handle = submit(data, options, math.inf, answer, 0)
    try:
        await answer.future
    finally:
        if handle is not None:
            handle.cancel()
    return answer.taken()
