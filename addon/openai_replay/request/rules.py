"""Matching and redaction rules of a run: the ignored parts of a request, and the secrets to replace in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..format.recording import JSON
from .ignoring import IgnoreRule, ReferenceReading
from .redaction import Redactor

# Raised whenever a change to `identify` gives a request another identity, so that kept indexes are built again.
_VERSION = 4


@dataclass(frozen=True, slots=True)
class Rules:
    """The values to leave out of a request before it is matched, and to replace before it is written."""

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


class RuleUse:
    """Takes note of which values of `recording_ignore` took something out of a request of this run."""

    def __init__(self, rules: Rules) -> None:
        self._unused = list(rules.ignore)
        self._has_requests = False

    def note(self, body: JSON) -> None:
        """Take note of a request's body."""
        self._has_requests = True
        used = {rule.text for rule in self._unused if rule.apply(body) != body}
        if used:
            self._unused = [rule for rule in self._unused if rule.text not in used]

    def unused(self) -> list[str]:
        """Return the values without effect, in the order of the option; [] when there was no request at all."""
        return list(dict.fromkeys(rule.text for rule in self._unused)) if self._has_requests else []
