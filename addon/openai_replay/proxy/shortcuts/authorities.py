"""Parse each authority (`host:port`, RFC 3986, section 3.2) once: mitmproxy decodes and checks it for each request."""

from __future__ import annotations

from functools import lru_cache

from mitmproxy.net.http import url

from .guarded import Shortcut, Undo

AUTHORITIES = Shortcut(
    "one parse of an authority",
    "about 2 % of the CPU time of a replayed request",
    {"mitmproxy.net.http.url:parse_authority": "(authority, check)"},
)

_NAME = "parse_authority"

# Hosts that clients name at a time.
_MOST_KEPT = 256


def parse_authorities_once() -> Undo:
    """Keep the parsed authorities; a wrong one is refused as before."""
    original = url.parse_authority
    setattr(url, _NAME, lru_cache(_MOST_KEPT)(original))
    return lambda: setattr(url, _NAME, original)
