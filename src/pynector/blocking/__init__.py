"""The client for code without an event loop: scripts, notebooks, threads."""

from .client import Pynector
from .streaming import BatchStream, EventStream, StreamedResponse, Subscription

__all__ = ["BatchStream", "EventStream", "Pynector", "StreamedResponse", "Subscription"]
