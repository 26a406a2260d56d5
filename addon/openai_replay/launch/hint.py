"""Advice for a run in which the proxy saw no request: how programs go past a proxy, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..modes import Mode
from .outcome import saw_request
from .plan import Plan

_PAST_PROXY = (
    "The proxy saw no request to {hosts}. Does the command call the API? Some clients, such as Node before 22.21, "
    "ignore proxies: try `openai-replay run --base-url`."
)

_PAST_BASE_URL = (
    "The proxy saw no request to {hosts}. Does the command call the API, and read OPENAI_BASE_URL? AI SDK 4, .NET and "
    "PHP do not: pass its value to the client in the code."
)


def hint(plan: Plan, reported: Mapping[str, Any]) -> str:
    """Return advice for a run without any request to a recorded host, in one line, "" when none is needed.

    None is needed where the cause has been said already: clients that do not trust the certificate, and requests to
    model APIs that are not recorded.
    """
    is_said = reported.get("distrusted") or reported.get("other_apis")
    if saw_request(reported["totals"]) or plan.settings.mode is Mode.LIVE or is_said:
        return ""
    hosts = ", ".join(host.text for host in plan.settings.hosts)
    if unrecorded := plan.unrecorded_base_url():
        return f"OPENAI_BASE_URL is {unrecorded}: expected one of the recorded hosts, {hosts}; see recording_hosts."
    return (_PAST_PROXY if plan.target is None else _PAST_BASE_URL).format(hosts=hosts)
