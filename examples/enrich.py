"""Puts many reviews to a language model, under its two limits: requests and tokens a minute.

python examples/enrich.py [URL]: without a URL, against a stand-in for such a service, in this program.
"""

import contextlib
import http.server
import json
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anyio

from pynector import Pynector, Rate, Response, RetryPolicy

# The job


def question(number: int, review: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is asked about a review, and the key by which a second run knows it."""
    message = {"role": "user", "content": f"Is this review positive or negative? {review}"}
    body = {"model": "small", "messages": [message], "max_tokens": 20}
    return {"method": "POST", "path": "/v1/chat/completions", "json": body}, {"key": f"review-{number}"}


def tokens_of(data: Any, options: Any) -> float:
    """Return what a request will cost at the most, as far as one can tell before: four characters a token."""
    return float(len(data["json"]["messages"][0]["content"]) / 4 + data["json"]["max_tokens"])


def used_tokens(response: Response) -> float:
    """Return what it has cost: what is left of the guess is given back."""
    return float(response.json()["usage"]["total_tokens"])


async def enrich(url: str, reviews: Sequence[str], results_file: str) -> dict[str, str]:
    """Return the model's answer to each review. Called again after a crash, it asks only what has no answer yet."""
    rates = [Rate(6_000, per=60), Rate(300_000, per=60, cost=tokens_of, settle=used_tokens)]
    again = RetryPolicy(attempts=4, backoff=0.1)
    answers: dict[str, str] = {}
    async with Pynector(base_url=url, as_response=True, rate=rates, retry=again, idempotency_key=True) as client:
        requests = [question(number, review) for number, review in enumerate(reviews)]
        async with client.batch_stream(requests, max_concurrency=20, checkpoint=results_file, progress=True) as results:
            async for item in results:
                answers[item.key] = (
                    item.result.json()["choices"][0]["message"]["content"] if item.ok else str(item.error)
                )
    return answers


# What stands for the service


class Model(http.server.BaseHTTPRequestHandler):
    """Answers as such a service does. Every tenth new question gets 503; one that comes again gets the same answer."""

    protocol_version = "HTTP/1.1"
    # Head and body are written one after the other.
    disable_nagle_algorithm = True
    keys: ClassVar[set[str]] = set()
    answered: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Answer one question."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        is_new = key not in self.keys
        self.keys.add(key)
        if is_new and len(self.keys) % 10 == 0:
            self.send_error(503)
            return
        self.answered.append(key)
        content = body["messages"][0]["content"]
        said = "negative" if "broke" in content else "positive"
        usage = {"total_tokens": len(content) // 4 + 2}
        self.reply({"choices": [{"message": {"role": "assistant", "content": said}}], "usage": usage})

    def reply(self, answer: object) -> None:
        """Send JSON."""
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@contextlib.contextmanager
def stand_in() -> Iterator[str]:
    """Run the stand-in, and give its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


async def main(url: str) -> None:
    """Ask about 100 reviews, and then once more, as after a crash."""
    reviews = ["It broke on day two." if number % 4 == 0 else "Works as it should." for number in range(100)]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            answers = await enrich(url, reviews, str(Path(folder, "answers.db")))
            print({said: list(answers.values()).count(said) for said in sorted(set(answers.values()))})
    print(f"{len(Model.answered)} questions were answered by the service")


if __name__ == "__main__":
    with contextlib.nullcontext(sys.argv[1]) if len(sys.argv) > 1 else stand_in() as address:
        anyio.run(main, address)
