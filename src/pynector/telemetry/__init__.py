"""Optional tracing and logging. Without their packages, or with nobody listening, it does nothing and costs nothing."""

from .events import EventLogger
from .observe import Telemetry
from .setup import configure_telemetry
from .tracing import Tracer, get_tracer

__all__ = ["EventLogger", "Telemetry", "Tracer", "configure_telemetry", "get_telemetry"]


def get_telemetry(name: str) -> tuple[Tracer, EventLogger]:
    """Give a tracer and a logger of a name, such as "pynector.core".

    Both always work. The tracer is OpenTelemetry's where a program has set it up, else one whose spans do nothing. The
    logger takes an event and fields; it writes to structlog where a program has configured it, else to standard
    logging under the same name.
    """
    return get_tracer(name), EventLogger(name)
