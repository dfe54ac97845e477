"""Which origins are reached through a proxy of the environment."""

from __future__ import annotations

from ..net.environment import NamedProxies
from .options import HTTPOptions

Origin = tuple[str, str, int]


class Proxied:
    """The origins that are reached through a proxy which the environment names now.

    There is none where the user says how to connect: by `proxy`, `uds`, `resolve`, or `trust_env=False`.

    Args:
        options: The transport's options.

    Attributes:
        proxies: The proxy for each scheme that has one: the kind that the environment calls it, and its URL.
    """

    def __init__(self, options: HTTPOptions) -> None:
        self.proxies: dict[str, tuple[str, str]] = {}
        self._detours = options.detours
        if options.trust_env and options.uds is None and options.proxy is None:
            self._named = NamedProxies()
            for scheme in ("http", "https"):
                if found := self._named.first((scheme, "all")):
                    self.proxies[scheme] = found

    def __contains__(self, origin: Origin) -> bool:
        if origin[0] not in self.proxies or origin[1:] in self._detours.addresses:
            return False
        return not self._named.are_bypassed(*origin)
