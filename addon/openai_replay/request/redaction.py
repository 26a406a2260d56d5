"""Secrets out, before anything is written: API keys always, and what the user's own expressions match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import BadOption
from ..format.recording import JSON

REDACTED = "REDACTED"

# A digit somewhere tells a key from words such as "sk-learn-pipelines"; real keys are 51 characters and longer.
_KEYS = re.compile(
    r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{12,}"
    r"|(?<![A-Za-z0-9])[Bb]earer +(?=[A-Za-z._~+/-]*[0-9])[A-Za-z0-9._~+/-]{12,}=*"
)

# Without one of these in it, a JSON text holds no key: how keys begin, and what their letters could be hidden behind.
_SIGNS = ("sk-", "earer", "\\u", "\\/")

# A shorter credential is a stand-in such as "test" or "dummy", which ordinary text may contain.
_SHORTEST_CREDENTIAL = 16


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces what the patterns match, and given credentials wherever they stand."""

    patterns: tuple[re.Pattern[str], ...]

    def text(self, value: str, credentials: Iterable[str] = ()) -> str:
        """Return `value` with every secret replaced by REDACTED."""
        for credential in credentials:
            value = value.replace(credential, REDACTED)
        for pattern in self.patterns:
            value = pattern.sub(REDACTED, value)
        return value

    def json(self, value: JSON, credentials: Sequence[str] = ()) -> JSON:
        """Return `value` with the secrets in all its strings and member names replaced; the same object if none."""
        if isinstance(value, str):
            return self.text(value, credentials)
        if isinstance(value, dict):
            return {
                self.text(name, credentials): self.json(item, credentials) for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.json(item, credentials) for item in value]
        return value

    def may_match(self, text: str, credentials: Iterable[str] = ()) -> bool:
        """Tell quickly, from a JSON text, that nothing in it needs replacing (False); True means: look closer.

        The user's own expressions always need the close look, for JSON escapes could hide what they match.
        """
        for sign in _SIGNS:
            if sign in text:
                return True
        for credential in credentials:
            if credential in text:
                return True
        return len(self.patterns) > 1


def redactor(expressions: Iterable[str]) -> Redactor:
    """Return a redactor for API keys and the given regular expressions.

    Raises:
        BadOption: one of them is no regular expression, or matches everywhere.
    """
    return Redactor((_KEYS, *map(_compiled, expressions)))


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(expression)
    except re.error as exc:
        raise BadOption(f"recording_redact={expression!r}: expected a regular expression, {exc}") from exc
    if pattern.match("") is not None:
        raise BadOption(
            f"recording_redact={expression!r}: expected an expression that does not match the empty text"
        )
    return pattern


def credentials_of(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the secrets that a request's headers carry, longest first: an Authorization's credentials and API keys."""
    found = set()
    for name, value in headers:
        if name.lower() in ("authorization", "api-key", "x-api-key", "proxy-authorization"):
            found.update({value, value.rpartition(" ")[2]})
    return tuple(
        sorted((secret for secret in found if len(secret) >= _SHORTEST_CREDENTIAL), key=len, reverse=True)
    )
