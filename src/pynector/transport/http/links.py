"""What a response links to (RFC 8288)."""

from __future__ import annotations

import re

from ...errors import ConfigurationError
from .headers import Headers
from .urls import parse_url, resolve_location

# Section 3: a target in angle brackets, and parameters, whose values may stand in quotes.
_LINK = re.compile(r"""[\s,]*<([^>]*)>((?:\s*;\s*[^\s;,="]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)""")
_PARAMETER = re.compile(r"""([^\s;,="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?""")


def links_of(headers: Headers, url: str) -> dict[str, dict[str, str]]:
    """Return the targets and parameters of Link fields by relation type; the first of each type counts.

    Args:
        headers: The fields of a response.
        url: What answered, which targets are relative to.
    """
    links: dict[str, dict[str, str]] = {}
    for field in headers.get_list("link"):
        end = 0
        while (found := _LINK.match(field, end)) is not None:
            end = found.end()
            target = _resolved(url, found[1].strip())
            if target is None:
                continue
            link = {"url": target}
            for name, quoted, bare in _PARAMETER.findall(found[2]):
                link.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or bare)
            for relation in link.get("rel", "").lower().split():
                links.setdefault(relation, link)
    return links


def _resolved(url: str, target: str) -> str | None:
    try:
        return str(resolve_location(parse_url(url), target))
    except ConfigurationError:
        # mailto: and the like, which no request can be sent to.
        return None
