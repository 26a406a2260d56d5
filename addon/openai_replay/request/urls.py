"""Compare URLs by meaning: host and port, percent-encoding, dot segments, and the order of query parameters.

RFC 3986, section 6.2.2, says which spellings of a URL are equivalent; `+` for a space in a query is the WHATWG's
`application/x-www-form-urlencoded`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlencode, urlsplit

from ..format.recording import JSON

_DEFAULT_PORTS = {"http": 80, "https": 443}

# Characters that RFC 3986, section 3.3, lets a path segment have as they are, besides letters and digits.
_PLAIN_IN_SEGMENT = "-._~!$&'()*+,;=:@"


def authority(parts: SplitResult) -> str:
    """Return the host in lower case, with its port unless it is the scheme's own."""
    host = (parts.hostname or "").rstrip(".")
    port = parts.port
    return host if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"


def host_and_port(parts: SplitResult) -> tuple[str, int]:
    """Return the host as it is spelt, and the port, which is the scheme's own where none is named."""
    return parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


@lru_cache(maxsize=4096)
def canonical_path(path: str) -> str:
    """Return the normal form of a path: equal for two paths exactly if they name the same resource.

    `%2F` stays apart from `/`, and `/v1/v1/` is read as `/v1/`.
    """
    segments = (_octets_of(segment) for segment in path.split("/"))
    return single_prefix("/".join(quote(octets, _PLAIN_IN_SEGMENT) for octets in _without_dots(segments)))


def canonical_query(query: str) -> str:
    """Return the normal form of a query: its parameters percent-encoded in one way, and sorted."""
    return "&".join(sorted(_canonical_parameter(parameter) for parameter in query.split("&") if parameter))


def _canonical_parameter(parameter: str) -> str:
    name, equals, value = parameter.replace("+", " ").partition("=")
    return f"{quote(_octets_of(name), '')}{equals}{quote(_octets_of(value), '')}"


def _octets_of(text: str) -> bytes:
    """Return the bytes that a percent-encoded text stands for; bytes that are no UTF-8 are lone surrogates in it."""
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # a surrogate that stands for no byte, in an edited URL
        return unquote_to_bytes(text.encode("utf-8", "surrogatepass"))


def _without_dots(segments: Iterable[bytes]) -> list[bytes]:
    """Return path segments without `.`, and without `..` and its parent (RFC 3986, section 5.2.4)."""
    kept: list[bytes] = []
    is_folder = False
    for segment in segments:
        is_folder = segment in (b".", b"..")
        if segment == b".." and len(kept) > 1:
            kept.pop()
        if not is_folder:
            kept.append(segment)
    return [*kept, b""] if is_folder else kept


def sorted_query(query: str) -> str:
    """Return a query with its parameters in order, each as it is spelt."""
    return "&".join(sorted(parameter for parameter in query.split("&") if parameter))


def joined_query(query: str, parameters: JSON) -> str:
    """Return a query with more parameters, as the Python SDK joins them."""
    more = urlencode(parameters) if isinstance(parameters, dict) else ""
    return "&".join(part for part in (query, more) if part)


def single_prefix(path: str) -> str:
    """Return a path with `/v1/v1/` read as `/v1/`."""
    return path.replace("/v1/v1/", "/v1/", 1)


def doubled_prefix(url: str) -> str:
    """Return a URL with `/v1/` read as `/v1/v1/`, as some recorders write it."""
    parts = urlsplit(url)
    return parts._replace(path=parts.path.replace("/v1/", "/v1/v1/", 1)).geturl()


def rooted(path: str) -> str:
    """Return a request target as path and query of a URL.

    The target of `OPTIONS *` has no slash in front (RFC 9112, section 3.2.4). A target has no fragment (section 3.2.1),
    so that a `#` in it is a letter that the client did not encode.
    """
    return (path if path.startswith("/") else f"/{path}").replace("#", "%23")
