"""The end of a run as a person reads it: the summary, hints when the proxy saw nothing, and the verdict of --fail-on-…

Pure: reports and plans in, lines out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..options import Mode
from .plan import Plan, RunOptions

# How many unused recordings are named.
_MOST_NAMED = 20

_COUNTED = ("replayed", "recorded", "missed", "not_recorded")

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


def saw_request(totals: Mapping[str, int]) -> bool:
    """Tell whether a request to a recorded host reached the proxy."""
    return any(totals[name] for name in _COUNTED)


def hint(plan: Plan, reported: Mapping[str, Any]) -> str:
    """Return advice for a run that asked nothing of a recorded host, "" when there is no need of it.

    A client that came and did not trust the certificate has got its own advice already: it does not go past the proxy.
    """
    if saw_request(reported["totals"]) or plan.settings.mode is Mode.LIVE or reported.get("distrusted"):
        return ""
    hosts = ", ".join(host.text for host in plan.settings.hosts)
    text = _HINT.format(hosts=hosts, remedy=_USE_BASE_URL if plan.target is None else _USE_PROXY)
    if plan.own_base_url and plan.target is None:
        text += f"\n  OPENAI_BASE_URL is {plan.own_base_url}: expected one of the recorded hosts, see recording_hosts."
    return text


def summary(totals: Mapping[str, int], pruned: int = 0) -> str:
    """Return the counts of a run in one line."""
    parts = [f"{totals[name]} {name}" for name in ("replayed", "recorded", "missed")]
    if totals["not_recorded"]:
        parts.append(f"{totals['not_recorded']} not recorded")
    parts.append(f"{totals['unused'] - pruned} unused")
    parts += [f"{totals[name]} {name}" for name in ("paced", "faulted") if totals[name]]
    if pruned:
        parts.append(f"{pruned} pruned")
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions under which a run fails although all else succeeded."""

    miss: bool
    unused: bool
    no_request: bool


def conditions(options: RunOptions) -> Conditions:
    """Return the conditions of a command line."""
    return Conditions(options.fail_on_miss, options.fail_on_unused, options.fail_on_no_request)


def failures(fail_on: Conditions, reported: Mapping[str, Any], pruned: int = 0) -> list[str]:
    """Return why a run fails that would otherwise have succeeded, as lines; none when it does not fail.

    Args:
        pruned: how many of the unused recordings are gone already.
    """
    totals = reported["totals"]
    if fail_on.no_request and not saw_request(totals):
        return ["failed, as --fail-on-no-request asks for"]
    if fail_on.miss and (totals["missed"] or totals["not_recorded"]):
        return ["failed, as --fail-on-miss asks for: there were requests without a recording"]
    if fail_on.unused and len(reported["unused"]) > pruned:
        return [
            "failed, as --fail-on-unused asks for: nobody asked for these recordings",
            *_named(reported["unused"]),
        ]
    return []


def _named(unused: Sequence[str]) -> list[str]:
    lines = [f"    {name}" for name in unused[:_MOST_NAMED]]
    if len(unused) > _MOST_NAMED:
        lines.append(f"    … and {len(unused) - _MOST_NAMED} more")
    return lines
