"""A server that answers as those of language models do: what was said to it, whole or in pieces."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def completion(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    """An answer, or a piece of one, as OpenAI has them."""
    return {"id": "chat-1", "object": kind, "created": 1, "model": "small", "choices": [{"index": 0, **choice}]}


def message(text: str) -> dict[str, Any]:
    """An answer as Anthropic has them."""
    return {
        "id": "message-1",
        "type": "message",
        "role": "assistant",
        "model": "small",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = asked["messages"][-1]["content"]
        if self.path == "/v1/messages":
            self.answer("application/json", json.dumps(message(said)))
        elif self.path != "/v1/chat/completions":
            self.send_error(404)
        elif asked.get("stream"):
            pieces = [completion("chat.completion.chunk", {"delta": {"content": word}}) for word in said.split()]
            events = [*map(json.dumps, pieces), "[DONE]"]
            self.answer("text/event-stream", "".join(f"data: {event}\n\n" for event in events))
        else:
            choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
            self.answer("application/json", json.dumps(completion("chat.completion", choice)))

    def answer(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def running() -> Iterator[int]:
    """Run it in threads, and give its port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
