"""Matching and redaction rules of a run: what is ignored in a request, and which secrets are replaced in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..format.recording import JSON
from .ignoring import IgnoreRule
from .redaction import Redactor

# Raised whenever a change to `identify` gives a request another identity, so that kept indexes are made anew.
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What is taken out of a request before it is matched and before it is written."""

    ignore: tuple[IgnoreRule, ...]
    redactor: Redactor

    def fingerprint(self) -> str:
        """Return a text that changes whenever identities may."""
        return repr(
            (_VERSION, [rule.text for rule in self.ignore], [p.pattern for p in self.redactor.patterns])
        )


def without_ignored(body: JSON, rules: Iterable[IgnoreRule]) -> JSON:
    """Return a body less what the rules ignore."""
    for rule in rules:
        body = rule.apply(body)
    return body
