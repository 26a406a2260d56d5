"""Advice for a run in which the proxy saw no request: how programs go past a proxy, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..modes import Mode
from .outcome import saw_request
from .plan import Plan

_HINT = """\
The proxy saw no request of the command to {hosts}. Either it asks no API, or it goes past the proxy:
  Node before 22.21 (or 24.0), AI SDK 4, Python's aiohttp without trust_env=True, httpx with trust_env=False or a
  transport of its own, urllib3's PoolManager and http.client, Go's &http.Transport{{}} without Proxy, Java's Apache
  createDefault() and reactor-netty, Node's https.Agent, PHP's streams, and Java that replaces JAVA_TOOL_OPTIONS do not
  read the proxy variables; addon/CLIENTS.md has the remedy for each.
  {remedy}"""

_USE_BASE_URL = """\
Try `openai-replay run --base-url`, which sets OPENAI_BASE_URL instead. AI SDK 4, .NET and PHP read no variable for it:
  there, put it into the code."""

_USE_PROXY = """\
AI SDK 4, .NET and PHP read no variable for the base URL, and a base URL in the code comes first everywhere: put
  OPENAI_BASE_URL into the code, or try `openai-replay run` without --base-url."""


def hint(plan: Plan, reported: Mapping[str, Any]) -> str:
    """Return advice for a run without any request to a recorded host, "" when none is needed.

    A client that did not trust the certificate has got other advice already: it does not go past the proxy.
    """
    if saw_request(reported["totals"]) or plan.settings.mode is Mode.LIVE or reported.get("distrusted"):
        return ""
    hosts = ", ".join(host.text for host in plan.settings.hosts)
    text = _HINT.format(hosts=hosts, remedy=_USE_BASE_URL if plan.target is None else _USE_PROXY)
    if unrecorded := plan.unrecorded_base_url():
        text += (
            f"\n  OPENAI_BASE_URL is {unrecorded}: expected one of the recorded hosts, see recording_hosts."
        )
    return text
