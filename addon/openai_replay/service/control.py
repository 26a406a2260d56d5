"""The control page at http://openai-replay.test/: requests that the proxy answers itself, and never sends upstream.

GET  /report            replayed, recorded and missed requests of this run, and unused recordings
GET  /metrics           the same in numbers, for Prometheus
POST /reset             repeats start from the first recording again, and the report is emptied
POST /alias?alias=…     requests under this test id belong to the test of `test_id`; without that to none

The report and the reset take `?test_id=` for one test alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from ..format.recording import JSON, dump_json

HOST = "openai-replay.test"


def refusal_of(headers: Mapping[str, str], *, allowed_host: Callable[[str], bool]) -> str:
    """Return why a request to the proxy itself is refused, "" if it is not: web pages must not ask.

    A page of another site sends `Origin` (RFC 6454) or `Sec-Fetch-Site` (W3C, Fetch Metadata). A page whose name was
    rebound to this address sends neither, but its own name as `Host`: a foreign name with a dot.

    Args:
        headers: the last value of each header, names in lower case.
        allowed_host: tells of a host, without port, whether it is configured.
    """
    if "origin" in headers:
        return "refused to a web page: expected a request without Origin"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "refused to a web page: expected a request that is not cross-site"
    host = _without_port(headers.get("host", ""))
    if (
        _is_address(host)
        or "." not in host
        or host.endswith(".localhost")
        or host == HOST
        or allowed_host(host)
    ):
        return ""
    return f"refused to another name: expected localhost, an address or {HOST} as Host"


def _without_port(authority: str) -> str:
    name, colon, port = authority.strip().lower().rpartition(":")
    return (name if colon and port.isdecimal() else authority.strip().lower()).strip("[]").rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Scope:
    """One test, or all of them."""

    test_id: str | None = None
    all_tests: bool = True


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the control page, or the status and text of an error."""

    name: str
    scope: Scope
    status: int = 200
    problem: str = ""
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the control page."""

    status: int
    content: bytes
    content_type: str = "application/json"

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers besides the length."""
        return (("content-type", self.content_type),)


_METHODS = {"/report": "GET", "/reset": "POST", "/metrics": "GET"}

# For test runners alone, so that no message recommends it to a person.
_METHODS_OF_RUNNERS = {"/alias": "POST"}


def command(method: str, target: str) -> Command:
    """Read a request to the proxy itself; `target` is path and query."""
    path, _, query = target.partition("?")
    scope = _scope(query)
    expected = _METHODS.get(path) or _METHODS_OF_RUNNERS.get(path)
    if expected is None:
        problem = f"unknown path {path}: expected {' or '.join(f'{m} {p}' for p, m in _METHODS.items())}"
        return Command("", scope, 404, problem)
    if method != expected:
        return Command("", scope, 405, f"unexpected method {method}: expected {expected} {path}")
    return Command(path[1:], scope, alias=parse_qs(query).get("alias", [""])[0])


def _scope(query: str) -> Scope:
    values = parse_qs(query, keep_blank_values=True).get("test_id")
    return Scope() if values is None else Scope(values[0] or None, all_tests=False)


def refused(reason: str) -> Answer:
    """Return the refusal of a request that a web page made."""
    return Answer(403, body(Command("", Scope(), 403, reason)))


def body(api_request: Command, report: JSON = None) -> bytes:
    """Return the JSON that answers a command; `report` is for the command `report`."""
    if api_request.problem:
        return dump_json({"error": {"message": api_request.problem, "type": "recording_error"}})
    return dump_json(report if api_request.name == "report" else {api_request.name: True})
