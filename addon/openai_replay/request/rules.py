"""Matching and redaction rules of a run: what is ignored in a request, and which secrets are replaced in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..format.recording import JSON
from .ignoring import IgnoreRule, ReferenceReading
from .redaction import Redactor

# Raised whenever a change to `identify` gives a request another identity, so that kept indexes are built again.
_VERSION = 3


@dataclass(frozen=True, slots=True)
class Rules:
    """What is taken out of a request before it is matched and before it is written."""

    ignore: Sequence[IgnoreRule | ReferenceReading]
    redactor: Redactor

    def fingerprint(self) -> str:
        """Return a text that changes whenever identities may."""
        ignored = [rule.fingerprint() for rule in self.ignore]
        return repr((_VERSION, ignored, [pattern.pattern for pattern in self.redactor.patterns]))

    def matched_body(self, body: JSON) -> JSON:
        """Return a body as matching compares it: less all that is ignored."""
        for rule in self.ignore:
            body = rule.apply(body)
        return body

    def named_body(self, body: JSON) -> JSON:
        """Return a body as its recording is named: the reference reading is a part of the hash anyway."""
        for rule in self.ignore:
            if isinstance(rule, IgnoreRule):
                body = rule.apply(body)
        return body

    def without_effect(self, body: JSON) -> frozenset[str]:
        """Return the `recording_ignore` texts of which no rule takes anything out of a body."""
        effective = {rule.text for rule in self.ignore if rule.apply(body) != body}
        return frozenset(rule.text for rule in self.ignore) - effective
