"""TLS: what its options may be, and contexts: verified by default, and made anew when their files are replaced."""

from __future__ import annotations

import copy
import logging
import os
import ssl
import sys
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from ...causes import text_of
from ...config import parse_flag
from ...errors import ConfigurationError, ConnectError
from .offers import offered_protocols
from .watched_files import Look, WatchedFiles

# How often files are looked at while they are in use (seconds). Three files take 0.01 ms, a system's folder 1 ms.
EVERY = 1.0

# What was written less than this ago may not be whole yet, or its key may be to follow (seconds).
FRESH = 0.25

# When files that do not load, and have not changed, are tried again (seconds).
AGAIN = 10.0

# The most contexts that are kept for the next client with the same options.
MOST_KEPT = 64

_logger = logging.getLogger("pynector.transport")


def checked_verify(value: Any, where: str) -> Any:
    """Accept what `verify` may be."""
    if isinstance(value, (bool, ssl.SSLContext)) or (isinstance(value, str) and value):
        return value
    raise ConfigurationError(
        f"{where} must be True, False, the path of a CA file or folder, or an ssl.SSLContext, not {value!r}"
    )


def parse_verify(text: str, where: str) -> Any:
    """Parse a truth value or a path."""
    try:
        return parse_flag(text, where)
    except ConfigurationError:
        return text


def checked_cert(value: Any, where: str) -> Any:
    """Accept what `cert` may be, and give it as a tuple."""
    parts = (value,) if isinstance(value, str) else value
    if isinstance(parts, tuple) and 1 <= len(parts) <= 3 and all(isinstance(part, str) for part in parts):
        return parts
    raise ConfigurationError(
        f"{where} must be the path of a certificate with its key, or a tuple (certificate, key[, password])"
    )


class _Recipe(NamedTuple):
    """What a context is made of."""

    verify: bool | str
    cert: tuple[str, ...] | None
    alpn: tuple[str, ...]
    keylog: str | None


class ClientTLS:
    """The TLS of one client: a context, and another one when the files it was made of are replaced.

    Args:
        verify: True for the system's and certifi's authorities, the path of a CA file or folder, a context of the
            caller's own, which is used as it is, or False.
        cert: (certificate[, key[, password]]) of the client, paths of PEM files, or None.
        alpn: The protocols to offer, best first.
        trust_env: Whether the variable SSLKEYLOGFILE counts.

    Attributes:
        speaks_http2: Whether HTTP/2 is offered; a context of the caller's own that does not is changed, with a warning.
    """

    def __init__(
        self,
        verify: bool | str | ssl.SSLContext,
        cert: tuple[str, ...] | None = None,
        alpn: tuple[str, ...] = ("http/1.1",),
        trust_env: bool = True,
    ) -> None:
        if verify is False:
            _logger.warning(
                "verify=False: no server's certificate is verified, so whoever is on the way can read and change "
                "what is sent"
            )
        self._context: ssl.SSLContext | None = None
        self._recipe: _Recipe | None = None
        self._misplaced = isinstance(verify, ssl.SSLContext) and cert is not None
        self.speaks_http2 = "h2" in alpn
        if isinstance(verify, ssl.SSLContext):
            self._context = verify
            if self.speaks_http2 and "h2" not in offered_protocols(verify):
                _logger.warning(
                    "verify: the context does not offer HTTP/2, and is changed to do so for all who use it: call "
                    "set_alpn_protocols(%r) of a context of the client's own to say that this is meant",
                    list(alpn),
                )
                verify.set_alpn_protocols(list(alpn))
        else:
            trusts = trust_env and not sys.flags.ignore_environment
            self._recipe = _Recipe(verify, cert, alpn, os.environ.get("SSLKEYLOGFILE") if trusts else None)
        self._loaded: Look | None = None
        self._failed: Look | None = None
        self._try_again = 0.0

    @property
    def is_default(self) -> bool:
        """Whether the user has said nothing about it."""
        recipe = self._recipe
        return recipe is not None and recipe.verify is True and recipe.cert is None

    @property
    def follows_files(self) -> bool:
        """Whether there are files that may be replaced."""
        recipe = self._recipe
        return recipe is not None and (recipe.verify is not False or recipe.cert is not None)

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection.

        Files are looked at once in EVERY seconds. Those that were replaced by ones that do not load leave the context
        as it is, with a warning, until they do.

        Raises:
            ConfigurationError: If a file cannot be read and there is no context yet, or `cert` stands beside a context.
        """
        if self._misplaced:
            raise ConfigurationError("cert has no effect on a context that is passed in as verify")
        if self._recipe is not None:
            files = _files_of(self._recipe.verify, (self._recipe.cert or ())[:2])
            if self._context is None:
                look = files.look(0.0)
                self._context = _context_of(self._recipe, look)
                self._loaded = look
            else:
                self._follow(self._recipe, files.look(EVERY))
        assert self._context is not None
        return self._context

    def for_proxy(self) -> ClientTLS:
        """Return that of connections to a proxy: it has the same authorities, and shows no certificate."""
        other = copy.copy(self)
        other.speaks_http2 = False
        if self._recipe is not None:
            other._recipe = self._recipe._replace(cert=None, alpn=("http/1.1",))
            other._context = other._loaded = other._failed = None
        return other

    def for_http1(self) -> ClientTLS | None:
        """Return the same without an offer of HTTP/2; None for a context of the caller's own, which others may use."""
        if self._recipe is None:
            return None
        other = copy.copy(self)
        other.speaks_http2 = False
        other._recipe = self._recipe._replace(alpn=("http/1.1",))
        other._context = other._loaded = other._failed = None
        return other

    def _follow(self, recipe: _Recipe, look: Look) -> None:
        """Take other files in use where there are any."""
        loaded, failed = self._loaded, self._failed
        if look is loaded:
            return
        if loaded is not None and look.identity == loaded.identity:
            self._loaded, self._failed = look, None
            return
        now = time.monotonic()
        if failed is not None and failed.identity == look.identity and now < self._try_again:
            return
        if 0 <= time.time() - look.newest < FRESH:
            return
        try:
            self._context = _context_of(recipe, look)
        except ConfigurationError as error:
            if failed is None:
                _logger.warning("TLS files were replaced by ones that do not load; the old ones stay in use: %s", error)
            self._failed, self._try_again = look, now + AGAIN
        else:
            self._loaded, self._failed = look, None
            _logger.info("TLS files were replaced: new connections use the new ones")


# Building one takes 20 to 50 ms.
_contexts: dict[_Recipe, tuple[Look, ssl.SSLContext]] = {}


def _context_of(recipe: _Recipe, look: Look) -> ssl.SSLContext:
    """Return a context of files that have been looked at, the one that another client has where it is the same."""
    known = _contexts.get(recipe)
    if known is not None and known[0].identity == look.identity:
        return known[1]
    context = _built(recipe)
    _contexts.pop(recipe, None)
    _contexts[recipe] = look, context
    for oldest in list(_contexts)[:-MOST_KEPT]:
        _contexts.pop(oldest, None)
    return context


def _built(recipe: _Recipe) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(recipe.alpn))
    if recipe.cert is not None:
        # Before the authorities, which take longer: a pair that does not fit is tried again and again.
        _load_pair(context, recipe.cert)
    if recipe.verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif recipe.verify is True:
        _trust_default_authorities(context)
    else:
        _load_authorities(context, recipe.verify, "verify")
    if recipe.keylog:
        try:
            context.keylog_filename = recipe.keylog
        except OSError as error:
            raise ConfigurationError(f"SSLKEYLOGFILE: {recipe.keylog!r} cannot be written: {error}") from error
    return context


def _load_pair(context: ssl.SSLContext, cert: tuple[str, ...]) -> None:
    key, password = (*cert[1:], None, None)[:2]
    try:
        # Without a password OpenSSL would ask for one on the terminal, and wait.
        context.load_cert_chain(cert[0], key, password or (lambda: ""))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cert {cert[0]!r} cannot be loaded: {error}") from error


def _trust_default_authorities(context: ssl.SSLContext) -> None:
    context.load_default_certs()
    named = os.environ.get("SSL_CERT_FILE")
    if named:
        # OpenSSL has taken it already, or has failed to without a word.
        _load_authorities(context, named, "SSL_CERT_FILE")
    elif not os.environ.get("SSL_CERT_DIR"):
        _load_authorities(context, _certifi(), "verify=True: certifi's file")


def _certifi() -> str:
    import certifi

    return certifi.where()


def _load_authorities(context: ssl.SSLContext, path: str, where: str) -> None:
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{where}: {path!r} cannot be loaded: {error}") from error


@lru_cache(maxsize=MOST_KEPT)
def _files_of(verify: bool | str, pair: tuple[str, ...]) -> WatchedFiles:
    """Return what looks at the files for all clients with the same ones."""

    def paths() -> Iterable[str]:
        yield from pair
        if verify is True:
            yield from _default_authorities()
        elif verify is not False:
            yield verify

    return WatchedFiles(paths)


def _default_authorities() -> Iterable[str]:
    """Return the paths that _trust_default_authorities takes."""
    places = ssl.get_default_verify_paths()
    named, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    yield named or places.openssl_cafile
    yield from (folders or places.openssl_capath).split(os.pathsep)
    if not (named or folders):
        yield _certifi()


def check_transport(transport: Any, is_to_proxy: bool = False) -> None:
    """Look at what a handshake, if there was one, has agreed to speak.

    Args:
        transport: One like asyncio's.
        is_to_proxy: Whether it was with a proxy.

    Raises:
        ConfigurationError: If that is HTTP/2: a context of the user's, which cannot be asked before, offers it.
    """
    secured = transport.get_extra_info("ssl_object")
    if secured is None or secured.selected_alpn_protocol() != "h2":
        return
    if is_to_proxy:
        raise ConfigurationError(
            "verify: the context offers HTTP/2 (h2), and the proxy agreed, but HTTP/1.1 is spoken with proxies: give "
            "the path of a CA file or folder, of which the proxy has a context of its own, or call "
            "set_alpn_protocols(['http/1.1']) of the context, without http2=True"
        )
    raise ConfigurationError(
        "verify: the context offers HTTP/2 (h2), and the server agreed, but HTTP/1.1 is spoken on this connection: "
        "call set_alpn_protocols(['http/1.1']) of the context, or, for HTTP, give http2=True"
    )


def tls_problem(error: Exception, where: str = "") -> ConnectError:
    """Return the error of a handshake that failed; a certificate that is refused will be so again.

    Args:
        error: Why.
        where: With whom: " to the proxy", or "" for the server.
    """
    problem = ConnectError(f"no TLS connection{where}: {text_of(error)}", phase="tls", sent="none", came_of=error)
    problem.proxy_failed = bool(where)
    return problem
