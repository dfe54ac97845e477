"""Ways through a proxy, for tests whose clients know nothing of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pytest
import trustme

from proxyserver import Proxy
from pynector.transport.http.native.opening import Opener
from pynector.transport.http.proxied import Proxied
from pynector.transport.net.proxies import checked_proxy
from pynector.transport.net.tls import ClientTLS

SCHEMES = {"forwarded": "http", "CONNECT": "http", "TLS": "https"}
"""The scheme of the proxy, by the name of the way. By CONNECT go even requests that could be passed on."""


@lru_cache(maxsize=1)
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return that of the proxy, and that of clients."""
    authority, serving = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return serving, trusting


@contextmanager
def led_through(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have every client go through a proxy where it would take one of the environment, this machine or not."""
    scheme = SCHEMES.get(name, name)
    with Proxy(tls=contexts()[0] if scheme == "https" else None) as running:
        proxy, usual = checked_proxy(running.url(scheme), "proxy"), Proxied.proxy_for

        def proxy_for(self: Any, origin: Any) -> Any:
            is_open = self._named is not None and origin[1:] not in self._detours.addresses
            return proxy if is_open else usual(self, origin)

        monkeypatch.setattr(Proxied, "proxy_for", proxy_for)
        if scheme == "https":
            monkeypatch.setattr(ClientTLS, "for_proxy", lambda self: ClientTLS(contexts()[1]))
        if name == "CONNECT":
            monkeypatch.setattr(Opener, "_is_forwarded", lambda self, origin, proxy: False)
        yield
