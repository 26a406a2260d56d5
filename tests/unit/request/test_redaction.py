"""`redaction`: no secret gets into a file, and nothing else is taken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from openai_replay.errors import BadOption
from openai_replay.format.recording import JSON
from openai_replay.request.redaction import credentials_of, redactor
from unit.exchanges import JSON_VALUES

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"

SECRETS = {
    "a project's key": (KEY, "REDACTED"),
    "an old key": ("sk-abcdefghijklmnop1234", "REDACTED"),
    "another vendor's key": ("sk-ant-api03-abcdefgh_ijk-1", "REDACTED"),
    "a key in a sentence": (f"My key is {KEY}, thanks.", "My key is REDACTED, thanks."),
    "a key in a URL": (f"https://h/v1?key={KEY}&a=b", "https://h/v1?key=REDACTED&a=b"),
    "a bearer": ("Authorization: Bearer abc.DEF-123_x/y+z==", "Authorization: REDACTED"),
    "a bearer in lower case": ("bearer  0123456789abcdef", "REDACTED"),
    "two keys": (f"{KEY} {KEY}", "REDACTED REDACTED"),
}


@pytest.mark.parametrize(("text", "redacted"), SECRETS.values(), ids=SECRETS)
def test_keys_are_replaced(text: str, redacted: str) -> None:
    assert redactor([]).text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-pipelines-are-fun",
        "task-1234567890123456",
        "sk-1234",
        "a risk-assessment-2024-01-01",
        "the bearer of this letter",
        "Bearer token",
        "REDACTED",
    ],
)
def test_words_are_not_taken_for_keys(text: str) -> None:
    assert redactor([]).text(text) == text


def test_what_the_users_expressions_match_is_replaced_too() -> None:
    assert (
        redactor([r"\d{3}-\d{4}", "(?i)zürich"]).text("Call 555-1234 in ZÜRICH")
        == "Call REDACTED in REDACTED"
    )


def test_credentials_are_replaced_wherever_they_stand() -> None:
    value: JSON = {"a": ["x my-own-credential-0 y"], "my-own-credential-0": 1, "n": 1.5}
    assert redactor([]).json(value, ["my-own-credential-0"]) == {
        "a": ["x REDACTED y"],
        "REDACTED": 1,
        "n": 1.5,
    }


@given(JSON_VALUES)
def test_a_value_without_secrets_is_equal_to_what_it_was(value: JSON) -> None:
    assert json.dumps(redactor([]).json(value)) == json.dumps(value)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("(", "expected a regular expression, missing ), unterminated subpattern at position 0"),
        ("a*", "expected an expression that does not match the empty text"),
        ("", "expected an expression that does not match the empty text"),
    ],
)
def test_an_expression_that_makes_no_sense_is_refused(expression: str, problem: str) -> None:
    with pytest.raises(BadOption) as caught:
        redactor([expression])

    assert str(caught.value) == f"recording_redact={expression!r}: {problem}"


# --- the quick look -----------------------------------------------------------------------------------------------


def test_the_quick_look_leaves_out_what_has_no_secret() -> None:
    assert not redactor([]).may_match('{"a": "b"}', ["a-credential-of-mine"])


@pytest.mark.parametrize(
    "raw",
    [
        f'{{"a": "{KEY}"}}',
        '{"a": "Bearer 0123456789abcdef"}',
        '{"a": "s\\u006b-abcdefghijklmnop1234"}',
        '{"a": "x my/own+credential/0 y"}',
        '{"a": "x my\\/own+credential\\/0 y"}',
    ],
)
def test_the_quick_look_misses_no_secret_however_it_is_escaped(raw: str) -> None:
    credentials = ["my/own+credential/0"]
    redact = redactor([])

    assert redact.json(json.loads(raw), credentials) != json.loads(raw)
    assert redact.may_match(raw, credentials)


def test_with_expressions_of_the_user_the_close_look_is_always_needed() -> None:
    assert redactor(["x"]).may_match("{}")


# --- credentials --------------------------------------------------------------------------------------------------


def test_credentials_are_those_of_the_headers_longest_first() -> None:
    headers = [
        ("Authorization", f"Bearer {KEY}"),
        ("api-key", "0123456789abcdef"),
        ("X-Api-Key", "0123456789abcdefg"),
        ("user-agent", "not-a-secret-at-all"),
    ]
    assert credentials_of(headers) == (f"Bearer {KEY}", KEY, "0123456789abcdefg", "0123456789abcdef")


@pytest.mark.parametrize("value", ["Bearer test", "dummy", "", "Bearer sk-short"])
def test_a_stand_in_is_no_credential(value: str) -> None:
    assert credentials_of([("authorization", value)]) == ()
