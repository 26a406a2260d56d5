"""Take note of the rules of recording_faults that changed an answer, and name those without effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..trouble.fault_rules import FaultRule


@dataclass(slots=True)
class FaultUse:
    """The rules of an option, and the texts of the rules that changed an answer.

    `has_answers`: a recording has answered a request of the run.
    """

    rules: Sequence[FaultRule]
    has_answers: bool = False
    _fired: set[str] = field(default_factory=set)

    def note(self, rule: str) -> None:
        """Take note of an answer, and of the text of the rule that changed it, "" for none."""
        self.has_answers = True
        self._fired.add(rule)

    def without_effect(self) -> list[str]:
        """Return a line for each rule that changed no answer, [] when there was none.

        A rule that leaves it to chance is left out.
        """
        if not self.has_answers:
            return []
        return [
            f"recording_faults={rule.text!r} changed no answer of this run{self._reason(place, rule)}."
            for place, rule in enumerate(self.rules)
            if rule.text not in self._fired and rule.probability >= 1
        ]

    def _reason(self, place: int, rule: FaultRule) -> str:
        earlier = next((other for other in self.rules[:place] if other.hides(rule)), None)
        return f": {earlier.text} comes first for all its requests" if earlier else ""
