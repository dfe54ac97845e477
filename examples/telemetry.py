"""The trace of a batch, as OpenTelemetry's SDK sends it to a collector; the collector is in this program."""

import http.server
import os
import threading
from importlib.util import find_spec
from typing import Any, ClassVar

import anyio

from pynector import Pynector, configure_telemetry
from pynector.testing import LoopbackServer

NEEDED = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.exporter.otlp")
BAR = 32


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes spans by OTLP over HTTP, as any collector does."""

    spans: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        """Take one export."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    self.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


def draw(spans: list[Any]) -> None:
    """Draw each trace as a tree, with a bar for the time that a span took of it."""
    spans = sorted(spans, key=lambda span: span.start_time_unix_nano)
    for root in [span for span in spans if not span.parent_span_id]:
        print(f"trace {root.trace_id.hex()}")
        draw_below(root, root, spans, "")
        print()


def draw_below(span: Any, root: Any, spans: list[Any], indent: str) -> None:
    """Draw a span and those below it."""
    attributes = {a.key: a.value.string_value or a.value.int_value for a in span.attributes}
    told = [attributes.get("http.response.status_code"), attributes.get("error.type")]
    if attributes.get("http.request.resend_count"):
        told.append(f"sent again ({attributes['http.request.resend_count']})")
    name = " ".join([span.name, *(str(part) for part in told if part)])
    whole = root.end_time_unix_nano - root.start_time_unix_nano or 1
    start = (span.start_time_unix_nano - root.start_time_unix_nano) * BAR // whole
    length = max(1, (span.end_time_unix_nano - span.start_time_unix_nano) * BAR // whole)
    bar = (" " * start + "=" * length)[:BAR].ljust(BAR)
    duration = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    print(f"|{bar}| {duration:7.2f} ms  {indent}{name}")
    for child in spans:
        if child.parent_span_id == span.span_id:
            draw_below(child, root, spans, indent + "  ")


async def send() -> None:
    """Send a batch, two requests at a time, and one request that succeeds at the third attempt."""
    async with LoopbackServer() as server, Pynector(base_url=server.url) as client:
        paths = ["/id/1", "/delay/0.02", "/redirect/1", "/status/404", "/id/2"]
        await client.batch_request([({"path": path}, {}) for path in paths], max_concurrency=2)
        await client.request_with_retry({"path": "/flaky?key=example"}, retry_delay=0.01)
        print(client.stats(), end="\n\n")


def main() -> None:
    """Run the collector beside the client, and draw what it got."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever).start()
        try:
            os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{collector.server_address[1]}"
            os.environ.update(OTEL_TRACES_EXPORTER="otlp", OTEL_METRICS_EXPORTER="none")
            configure_telemetry("example")
            anyio.run(send)
            from opentelemetry import trace

            provider: Any = trace.get_tracer_provider()
            provider.shutdown()
        finally:
            collector.shutdown()
    draw(Collector.spans)


if __name__ == "__main__":
    if all(find_spec(package) for package in NEEDED):
        main()
    else:
        print("This example needs: pip install 'pynector[telemetry]' opentelemetry-exporter-otlp-proto-http")
