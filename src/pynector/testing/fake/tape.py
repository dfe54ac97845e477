"""Exchanges in a file that one can read and edit: JSON, without what is secret."""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from ...errors import ConfigurationError
from ...transport.http.headers import Pair
from ...transport.http.response import Response
from .answers import Answer
from .asked import Asked
from .seat import FRAMING

VERSION = 1
HIDDEN = "HIDDEN"

SECRET_HEADERS = frozenset(
    {"authorization", "cookie", "proxy-authorization", "set-cookie", "api-key", "x-api-key", "x-auth-token"}
)
SECRET_PARAMS = frozenset(
    {"access_token", "api_key", "apikey", "key", "password", "secret", "sig", "signature", "token"}
)

# Bodies are decoded before they are written.
_NOT_KEPT = FRAMING | {"content-encoding"}

Entry = dict[str, Any]
Scrub = Callable[[Entry], None]


class Secrets:
    """What stays out of the file.

    Args:
        headers: Names of header fields that are left out.
        params: Names of query parameters whose values are hidden.
        scrub: Changes an entry before it is written, and one without an answer before it is looked for; None: nothing.
    """

    def __init__(self, headers: Iterable[str], params: Iterable[str], scrub: Scrub | None) -> None:
        self._headers = frozenset(name.lower() for name in headers)
        self._params = frozenset(name.lower() for name in params)
        self._scrub = scrub

    def entry(self, asked: Asked, answer: Response | None = None) -> Entry:
        """Return an exchange as it is written, or, without an answer, what is to be found."""
        entry: Entry = {"request": {"method": asked.method, "url": self._url(asked.url)}}
        entry["request"].update(self._message(asked.headers.pairs(), asked.content))
        if answer is not None:
            entry["answer"] = {"status": answer.status_code}
            entry["answer"].update(self._message(answer.headers.pairs(), answer.content))
        if self._scrub is not None:
            self._scrub(entry)
        return entry

    def _message(self, headers: list[Pair], content: bytes) -> Entry:
        left_out = self._headers | _NOT_KEPT
        kept = [[name, value] for name, value in headers if name.lower() not in left_out]
        for pair in kept:
            if pair[0].lower() in ("location", "referer"):
                pair[1] = self._url(pair[1])
        return {"headers": kept, **written_body(content)}

    def _url(self, url: str) -> str:
        url = re.sub(r"(?<=//)[^/?#]*@", "", url)
        start, mark, query = url.partition("?")
        return start + mark + "&".join(map(self._param, query.split("&")))

    def _param(self, param: str) -> str:
        name, equals, _ = param.partition("=")
        return f"{name}={HIDDEN}" if equals and unquote_plus(name).lower() in self._params else param


def written_body(content: bytes) -> Entry:
    """Return a body as it is written: as "json" or "text", or, where that would lose something, as "base64"."""
    if not content:
        return {}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(content).decode()}
    if text[:1] in ("{", "["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return {"text": text}
        # A name that stands twice, or a number that Python rounds, would not come back.
        if "".join(json.dumps(value, ensure_ascii=False).split()) == "".join(text.split()):
            return {"json": value}
    return {"text": text}


def answer_in(entry: Entry, where: str) -> Answer:
    """Return the answer of an entry.

    Raises:
        ConfigurationError: If it is none.
    """
    try:
        told = entry["answer"]
        body = {"json": told["json"]} if "json" in told else {}
        if "text" in told:
            body["content"] = told["text"].encode()
        if "base64" in told:
            body["content"] = b64decode(told["base64"], validate=True)
        return Answer(told["status"], headers=told.get("headers"), **body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{where} has an answer that is none: {type(error).__name__}: {error}") from error


def read(path: Path) -> list[Entry]:
    """Return the entries of a file; none if it is not there.

    Raises:
        ConfigurationError: If it is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    try:
        told = json.loads(text)
        version, entries = told["version"], told["exchanges"]
        valid = isinstance(entries, list) and all({"request", "answer"} <= set(entry) for entry in entries)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is no recording: {type(error).__name__}: {error}") from error
    if version != VERSION or not valid:
        raise ConfigurationError(f"{path} is no recording of version {VERSION} with a request and an answer each")
    return list(entries)


def write(path: Path, entries: list[Entry]) -> None:
    """Write a file, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    told = {"version": VERSION, "exchanges": entries}
    partial.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
