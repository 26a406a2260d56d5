"""The proxy that a machine has to use already, for instance a company's: mitmproxy's mode and options for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from ..options import HostPattern
from .environment import exempts, listed

# The order of curl: of one scheme before that of all, lower case first.
_NAMES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class UpstreamProxy:
    """The user's own proxy.

    Attributes:
        url: scheme, host and port.
        credentials: `user:password`, "" for none.
        direct_hosts: the recorded hosts that the user's NO_PROXY exempts: to them the proxy connects itself.
    """

    url: str
    credentials: str
    direct_hosts: tuple[str, ...]


def upstream_proxy(
    environment: Mapping[str, str], hosts: Sequence[HostPattern]
) -> tuple[UpstreamProxy | None, str]:
    """Return the user's proxy, None for none, and a warning where it is of a kind that mitmproxy cannot use."""
    url = next((environment[name] for name in _NAMES if environment.get(name)), "")
    if not url:
        return None, ""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https"):
        return None, f"the proxy {parts.scheme}://{parts.hostname} is not used: expected one of http or https"
    direct = tuple(host.text for host in hosts if _is_direct(host, environment))
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return UpstreamProxy(address, _credentials(parts), direct), ""


def _is_direct(host: HostPattern, environment: Mapping[str, str]) -> bool:
    return any(exempts(entry, host) for entry in listed(environment))


def _credentials(parts: SplitResult) -> str:
    return f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
