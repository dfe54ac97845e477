"""Optional tracing, metrics and logging. Without their packages, or with nobody listening, it costs nothing."""

from .batches import ObservedBatch
from .events import EventLogger
from .guard import Guard
from .metering import watch
from .observe import Telemetry
from .propagation import parse_propagation, propagation, valid_propagation
from .requests import ObservedRequest
from .setup import configure_telemetry
from .tallies import tally
from .tracing import LateTracer, Tracer

__all__ = [
    "EventLogger",
    "ObservedBatch",
    "ObservedRequest",
    "Telemetry",
    "Tracer",
    "configure_telemetry",
    "get_telemetry",
    "parse_propagation",
    "propagation",
    "tally",
    "valid_propagation",
    "watch",
]


def get_telemetry(name: str) -> tuple[Tracer, EventLogger]:
    """Give a tracer and a logger of a name, such as "pynector.core".

    Both always work, and neither raises what a processor or a handler of the program's raises. The tracer is
    OpenTelemetry's where a program has set it up, else one whose spans do nothing. The logger takes an event and
    fields; it writes to structlog where a program has configured it, else to standard logging under the same name.
    """
    guard = Guard(name)
    return LateTracer(name, guard), EventLogger(name, guard)
