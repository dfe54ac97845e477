"""TLS: what its options may be, and contexts: verified by default, built once for each set of options."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from typing import Any

from ..config import parse_flag
from ..errors import ConfigurationError, ConnectError, text_of


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


def tls_context(
    verify: bool | str | ssl.SSLContext, cert: tuple[str, ...] | None, alpn: tuple[str, ...]
) -> ssl.SSLContext:
    """Give the context for a set of options. A context that is passed in is used as it is.

    Args:
        verify: True for the system's and certifi's authorities, the path of a CA file or folder, a context, or False.
        cert: (certificate[, key[, password]]) of the client, paths of PEM files, or None.
        alpn: The protocols to offer, best first.

    Raises:
        ConfigurationError: If a file cannot be read, or `cert` is given beside a context.
    """
    if isinstance(verify, ssl.SSLContext):
        if cert is not None:
            raise ConfigurationError("cert has no effect on a context that is passed in as verify")
        return verify
    return _built(verify, cert, alpn)


# Building one costs 20 to 50 ms.
@lru_cache(maxsize=64)
def _built(verify: bool | str, cert: tuple[str, ...] | None, alpn: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(alpn))
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif verify is True:
        _trust_default_authorities(context)
    else:
        _load_authorities(context, verify)
    if cert is not None:
        try:
            key, password = (*cert[1:], None, None)[:2]
            # Without a password OpenSSL would ask for one on the terminal, and wait.
            context.load_cert_chain(cert[0], key, password or (lambda: ""))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"cert {cert[0]!r} cannot be loaded: {error}") from error
    return context


def _trust_default_authorities(context: ssl.SSLContext) -> None:
    context.load_default_certs()
    if not ({"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys()):
        import certifi

        context.load_verify_locations(certifi.where())


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"verify: {path!r} cannot be loaded: {error}") from error


def tls_problem(error: Exception) -> ConnectError:
    """Give the error of a handshake that failed; a certificate that is refused will be so again."""
    problem = ConnectError(f"no TLS connection: {text_of(error)}", phase="tls", sent="none")
    problem.transient = not isinstance(error, ssl.SSLCertVerificationError)
    return problem
