"""`terms`: a request's headers take the place of the options."""

from __future__ import annotations

import pytest

from openai_replay.errors import BadHeader
from openai_replay.trouble.fault_rules import parse_fault
from openai_replay.trouble.pacing import INSTANT, parse_pacing
from openai_replay.trouble.terms import OwnHeaders, Terms, unknown_headers

OPTIONS = Terms(parse_pacing("2x"), (parse_fault("rate_limit"),), 2)


def test_a_request_without_headers_has_the_terms_of_the_options() -> None:
    assert OPTIONS.of_request(OwnHeaders(None, None)) is OPTIONS


def test_headers_take_the_place_of_the_options() -> None:
    terms = OPTIONS.of_request(OwnHeaders("instant", "error=500,cut_after=1"))
    assert terms == Terms(INSTANT, (parse_fault("error=500"), parse_fault("cut_after=1")), 2)


def test_an_empty_fault_header_turns_faults_off() -> None:
    assert OPTIONS.of_request(OwnHeaders(None, "")) == Terms(OPTIONS.pacing, (), 2)


@pytest.mark.parametrize(
    ("terms", "are_plain"),
    [
        (Terms(), True),
        (Terms(pacing=parse_pacing("2x")), False),
        (Terms(faults=(parse_fault("rate_limit"),)), False),
        (Terms(most_wait_s=0), False),
    ],
)
def test_plain_terms_leave_answers_as_they_are(terms: Terms, are_plain: bool) -> None:
    assert terms.are_plain() is are_plain


def test_an_error_names_the_header_and_its_value() -> None:
    with pytest.raises(
        BadHeader, match=r"^X-Replay-Fault='cut_aftr=1': unknown word 'cut_aftr': did you mean cut_after"
    ):
        Terms().of_request(OwnHeaders(None, "cut_aftr=1"))
    with pytest.raises(BadHeader, match=r"^X-Replay-Pacing='slow': unknown word 'slow'"):
        Terms().of_request(OwnHeaders("slow", None))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("x-replay-faults", r"unknown header x-replay-faults: did you mean X-Replay-Fault\?"),
        ("x-replay-pace", r"unknown header x-replay-pace: did you mean X-Replay-Pacing\?"),
        ("x-replay-", "unknown header x-replay-: did you mean"),
        ("x-replay-of-something-else", "expected X-Replay-Pacing or X-Replay-Fault"),
    ],
)
def test_a_misspelt_header_is_an_error(name: str, hint: str) -> None:
    unknown = unknown_headers((name, "x-replay-fault", "x-test-id", "x-replayed"))
    assert unknown == (name,)
    with pytest.raises(BadHeader, match=hint):
        Terms().of_request(OwnHeaders(None, "", unknown))


def test_the_summary_names_the_options_that_are_set() -> None:
    assert OPTIONS.summary() == "recording_pacing=2x, recording_faults=rate_limit, recording_retry_after=2"
    assert Terms().summary() == ""
