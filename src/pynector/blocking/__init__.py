"""The client for code without an event loop: scripts, notebooks, threads."""

from typing import TYPE_CHECKING

from .streaming import BatchStream, EventStream, StreamedResponse, Subscription

if TYPE_CHECKING:
    from .signatures import Pynector
else:
    from .client import Pynector

__all__ = ["BatchStream", "EventStream", "Pynector", "StreamedResponse", "Subscription"]
