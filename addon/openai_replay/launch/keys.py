"""Dummy API keys for the command: its environment has no real keys, neither in replay nor while recording.

A request that goes past the proxy then fails with 401, in place of being paid for in silence. While recording, the
proxy has the real keys, and replaces exactly the dummies, in the credential headers of requests to recorded hosts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..front_end import FrontEnd
from ..options import HostPattern, Mode
from .environment import exempts

# Variables of the clients of one API, and its domain. Their keys are replaced where a host of that domain is recorded.
_DOMAIN_OF_KEY = {
    "OPENAI_ADMIN_KEY": "api.openai.com",
    "CODEX_API_KEY": "api.openai.com",
    "AZURE_OPENAI_API_KEY": "openai.azure.com",
    "OPENROUTER_API_KEY": "openrouter.ai",
    "GROQ_API_KEY": "api.groq.com",
    "MISTRAL_API_KEY": "api.mistral.ai",
    "DEEPSEEK_API_KEY": "api.deepseek.com",
    "TOGETHER_API_KEY": "api.together.xyz",
    "ANTHROPIC_API_KEY": "api.anthropic.com",
    "GEMINI_API_KEY": "generativelanguage.googleapis.com",
    "GOOGLE_API_KEY": "generativelanguage.googleapis.com",
}

# The variable that OpenAI's SDKs read for every base URL.
_KEY_OF_ANY_HOST = "OPENAI_API_KEY"

_RECORDING = (Mode.RECORD, Mode.RECORD_IF_MISSING)


def replaced_keys(environment: Mapping[str, str], mode: Mode, hosts: Sequence[HostPattern]) -> dict[str, str]:
    """Return the variables whose values are real keys that the command need not have, with a dummy for each.

    Args:
        environment: the environment of the command without the proxy.
        hosts: the recorded hosts. A key for other hosts is left to the command, which needs it there.
    """
    if mode is Mode.LIVE:
        return {}
    names = [_KEY_OF_ANY_HOST, *(name for name, domain in _DOMAIN_OF_KEY.items() if _covers(hosts, domain))]
    return {name: dummy_of(name) for name in names if environment.get(name)}


def real_keys(environment: Mapping[str, str], dummies: Mapping[str, str], mode: Mode) -> dict[str, str]:
    """Return the real key for each dummy that the proxy puts it in place of; none in replay, which sends nothing."""
    if mode not in _RECORDING:
        return {}
    return {dummy: environment[name] for name, dummy in dummies.items()}


def missing_key(environment: Mapping[str, str], mode: Mode, hosts: Sequence[HostPattern]) -> str:
    """Return a warning if OpenAI's API is to be recorded and OPENAI_API_KEY is not set, else ""."""
    is_openai = any(pattern.matches(_DOMAIN_OF_KEY["CODEX_API_KEY"], 443) for pattern in hosts)
    if mode not in _RECORDING or not is_openai or environment.get(_KEY_OF_ANY_HOST):
        return ""
    problem = (
        f"{_KEY_OF_ANY_HOST} is not set: expected a key while recording, unless the program has one itself"
    )
    if mode is Mode.RECORD:
        return problem
    replay = FrontEnd.of_command_line(environment).option("recording_mode", Mode.REPLAY.value)
    return f"{problem}. Without a key, replay: {replay}"


def dummy_of(name: str) -> str:
    """Return the dummy for the key in a variable: of the form that clients expect, and seen to be none in an error."""
    return f"sk-replay-no-real-{name.lower().replace('_', '-')}"


def _covers(hosts: Sequence[HostPattern], domain: str) -> bool:
    return any(exempts(domain, pattern) for pattern in hosts)
