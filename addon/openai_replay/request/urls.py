"""Compare URLs by meaning: host and port, path, and the order of query parameters."""

from __future__ import annotations

from urllib.parse import SplitResult, urlencode, urlsplit

from ..format.recording import JSON

_DEFAULT_PORTS = {"http": 80, "https": 443}


def authority(parts: SplitResult) -> str:
    """Return the host in lower case, with its port unless it is the scheme's own."""
    host = (parts.hostname or "").rstrip(".")
    port = parts.port
    return host if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"


def sorted_query(query: str) -> str:
    """Return a query with its parameters in order."""
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
