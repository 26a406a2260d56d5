"""Advice for a run in which the proxy saw no request: how programs go past a proxy, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..modes import Mode
from .outcome import saw_request
from .plan import Plan

_PAST_PROXY = (
    "The proxy saw no request of the command to {hosts}. Either it calls no API, or it goes past the proxy, as do "
    "Node before 22.21 (or 24.0), AI SDK 4, Python's aiohttp without trust_env=True, httpx with trust_env=False or a "
    "custom transport, urllib3's PoolManager and http.client, Go's &http.Transport{{}} without Proxy, Java's Apache "
    "createDefault() and reactor-netty, Node's https.Agent, and PHP's streams. Try `openai-replay run --base-url`; "
    "addon/CLIENTS.md has the remedy for each client."
)

_PAST_BASE_URL = (
    "The proxy saw no request of the command to {hosts}. Either it calls no API, or it does not read OPENAI_BASE_URL, "
    "as AI SDK 4, .NET, PHP and programs with a base URL in their code: read that variable in the code. "
    "addon/CLIENTS.md has the remedy for each client."
)


def hint(plan: Plan, reported: Mapping[str, Any]) -> str:
    """Return advice for a run without any request to a recorded host, in one line, "" when none is needed.

    None is needed where the cause has been said already: clients that do not trust the certificate, and requests to
    model APIs that are not recorded.
    """
    is_said = reported.get("distrusted") or reported.get("other_apis")
    if saw_request(reported["totals"]) or plan.settings.mode is Mode.LIVE or is_said:
        return ""
    text = _PAST_PROXY if plan.target is None else _PAST_BASE_URL
    if unrecorded := plan.unrecorded_base_url():
        text = f"OPENAI_BASE_URL is {unrecorded}: expected one of the recorded hosts, {{hosts}}; see recording_hosts."
    return text.format(hosts=", ".join(host.text for host in plan.settings.hosts))
