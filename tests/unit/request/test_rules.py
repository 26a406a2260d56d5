"""`rules`: a kept index is used by runs with the same rules alone."""

from __future__ import annotations

from openai_replay.format.recording import JSON
from openai_replay.request.ignoring import ignore_rule, ignore_rules
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules, RuleUse
from unit.exchanges import NO_RULES


def test_without_rules_a_body_stays_itself() -> None:
    body: JSON = {"model": "gpt-4o"}
    assert NO_RULES.matched_body(body) is body
    assert NO_RULES.named_body(body) is body


def test_the_rules_that_took_nothing_out_are_known_by_the_options_text() -> None:
    use = RuleUse(Rules(ignore_rules(["user", "@codex", "@uuid", "a.b"]), redactor(())))
    assert use.unused() == []
    use.note({})
    assert use.unused() == ["user", "@codex", "@uuid", "a.b"]
    use.note({"user": 1, "input": [{"id": "x"}]})
    use.note({"metadata": "x"})
    assert use.unused() == ["@uuid", "a.b"]


def test_other_rules_have_another_fingerprint() -> None:
    fingerprints = {
        Rules((), redactor(())).fingerprint(),
        Rules((ignore_rule("a"),), redactor(())).fingerprint(),
        Rules((ignore_rule("b"),), redactor(())).fingerprint(),
        Rules((), redactor(["a"])).fingerprint(),
    }
    assert len(fingerprints) == 4
