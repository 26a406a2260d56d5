"""Advice for a run in which the proxy saw no request: how programs go past a proxy, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..modes import Mode
from .old_node import node_without_proxy
from .outcome import saw_request
from .plan import Plan

_PAST_PROXY = (
    "The proxy saw no request to {hosts}. Does the command call the API, and not by another proxy, as pytest's fixture "
    "openai_replay does? Some clients ignore proxies{example}: try `openai-replay run --base-url`."
)

_OLD_NODE = ", such as the node on PATH, {node}"

_PAST_BASE_URL = (
    "The proxy saw no request to {hosts}. Does the command call the API, and read OPENAI_BASE_URL? AI SDK 4, .NET and "
    "PHP do not: pass its value to the client in the code."
)


def hint(plan: Plan, reported: Mapping[str, Any], environment: Mapping[str, str]) -> str:
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
    if plan.target is not None:
        return _PAST_BASE_URL.format(hosts=hosts)
    node = node_without_proxy(environment)
    return _PAST_PROXY.format(hosts=hosts, example=_OLD_NODE.format(node=node) if node else "")
