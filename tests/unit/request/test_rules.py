"""`rules`: a kept index is used by runs with the same rules alone."""

from __future__ import annotations

from openai_replay.format.recording import JSON
from openai_replay.request.ignoring import ignore_rule
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules, without_ignored


def test_without_rules_a_body_stays_itself() -> None:
    body: JSON = {"model": "gpt-4o"}
    assert without_ignored(body, ()) is body


def test_other_rules_have_another_fingerprint() -> None:
    fingerprints = {
        Rules((), redactor(())).fingerprint(),
        Rules((ignore_rule("a"),), redactor(())).fingerprint(),
        Rules((ignore_rule("b"),), redactor(())).fingerprint(),
        Rules((), redactor(["a"])).fingerprint(),
    }
    assert len(fingerprints) == 4
