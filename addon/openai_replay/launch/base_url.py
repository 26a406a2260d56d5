"""The base URL of a program's API: OPENAI_BASE_URL as the user has set it, and the API that it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

API_BASE_URL = "https://api.openai.com/v1"

# The user's base URL before the proxy's took its place, empty where none was set: for a run within a run.
ORIGINAL_BASE_URL = "OPENAI_REPLAY_ORIGINAL_BASE_URL"

# LlamaIndex for Python reads the second one alone.
BASE_URL_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")


@dataclass(frozen=True, slots=True)
class Target:
    """The API behind a base URL.

    Attributes:
        origin: scheme, host and port, where mitmproxy's reverse mode leads.
        path: the path that clients put after it, without a slash at its end.
    """

    origin: str
    path: str

    def authority(self) -> tuple[str, int]:
        """Return host (an IPv6 address without brackets) and port."""
        parts = urlsplit(self.origin)
        return parts.hostname or "", parts.port or {"http": 80}.get(parts.scheme, 443)

    def host_pattern(self) -> str:
        """Return the API as one of `recording_hosts`: `name:port`, or `[address]:port` (RFC 3986, 3.2.2)."""
        host, port = self.authority()
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def target_of(environment: Mapping[str, str]) -> Target:
    """Return the API that a program would talk to: the user's own base URL, or OpenAI's.

    Raises:
        ValueError: the base URL is no http or https URL.
    """
    text = original_base_url(environment) or API_BASE_URL
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"OPENAI_BASE_URL={text!r}: expected a URL such as {API_BASE_URL}")
    return Target(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.rstrip("/"))


def original_base_url(environment: Mapping[str, str]) -> str:
    """Return the base URL that the user has set, "" for none."""
    if ORIGINAL_BASE_URL in environment:
        return environment[ORIGINAL_BASE_URL]
    return next((environment[name] for name in BASE_URL_VARIABLES if environment.get(name)), "")
