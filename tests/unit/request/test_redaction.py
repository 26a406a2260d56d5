"""`redaction`: no secret gets into a file, and nothing else is taken for one."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import BadOption
from openai_replay.format.recording import JSON
from openai_replay.request.redaction import redactor
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
        == "Call REDACTED-2488 in REDACTED-8c37"
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


@given(JSON_VALUES)
def test_the_quick_look_agrees_with_the_close_one(value: JSON) -> None:
    raw = json.dumps(value, ensure_ascii=False)
    if not redactor([]).may_match(raw):
        assert redactor([]).json(value) == value


def test_with_expressions_of_the_user_the_close_look_is_always_needed() -> None:
    assert redactor(["x"]).may_match("{}")


# --- requests and answers -----------------------------------------------------------------------------------------

URL = "https://api.openai.com/v1/responses"


def test_secrets_of_a_body_are_replaced_where_the_answer_quotes_them() -> None:
    tool: JSON = {"type": "mcp", "headers": {"X-Key": "lsv2-0123456789abcdef"}}
    redacted = redactor([]).request(URL, {"tools": [tool]}, ["my-own-credential-0"])

    assert redacted.body == {"tools": [{"type": "mcp", "headers": {"X-Key": "REDACTED"}}]}
    assert redacted.credentials == ("my-own-credential-0", "lsv2-0123456789abcdef")
    assert redactor([]).answer("bad key lsv2-0123456789abcdef", redacted.credentials) == "bad key REDACTED"


def test_matches_of_the_users_expressions_stay_different() -> None:
    rules = redactor(["customer [0-9]+"])
    first, second = (rules.request(URL, {"input": f"Greet customer {n}"}).body for n in (1, 2))

    assert first != second
    assert first == rules.request(URL, {"input": "Greet customer 1"}).body
    assert rules.request(URL, first).body == first


def test_two_keys_are_one_request_and_two_words_like_keys_are_two() -> None:
    def body(text: str) -> JSON:
        return redactor([]).request(URL, {"input": text}).body

    assert body(f"Use {KEY}") == body(f"Use {KEY.swapcase().replace('SK-PROJ', 'sk-proj')}")
    assert body("sk-hynix-ddr5-16gb") != body("sk-hynix-ddr5-32gb")


def test_a_key_inside_a_match_of_the_users_is_a_key() -> None:
    assert redactor(["key=.*"]).text(f"my key={KEY}") == "my REDACTED"


def test_a_body_that_is_not_utf8_loses_its_secrets_and_nothing_else() -> None:
    content = b"\xff\x00" + KEY.encode() + b" \xfe"

    assert redactor([]).content(content) == b"\xff\x00REDACTED \xfe"
    assert redactor([]).content(b"\xff\x00\xfe") == b"\xff\x00\xfe"


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be"])
def test_text_in_utf_16_loses_its_keys(coding: str) -> None:
    content = f'\ufeff{{"a": "{KEY}"}}'.encode(coding)

    assert redactor([]).content(content) == '\ufeff{"a": "REDACTED"}'.encode(coding)


@given(st.sampled_from([b"\xff\xfe", b"\xfe\xff", b""]), st.binary())
def test_bytes_without_secrets_stay(mark: bytes, content: bytes) -> None:
    assert redactor([]).content(mark + content) == mark + content


# --- work ---------------------------------------------------------------------------------------------------------

UNITS = (
    *(
        "sk-",
        "sk-a1b2c3d4e5f6g7h8 ",
        f"sk-{'a' * 250} ",
        "sk-proj-",
        "bearer\t",
        "Bearer ",
        "eyJ",
        "eyJaaaaaaaaaa.",
    ),
    *(
        "?sig=",
        "AIza",
        "-----BEGIN PRIVATE KEY-----",
        "ek_",
        "xoxb-",
        "sk-\\\\",
        "sk-%25",
        "\\u005c",
        "https://",
    ),
    *("a=&", "data: {}\n", '{"client_secret":', '"\\"', "x@", '{"api_key":"a1b2c3d4"}\n', "[", "a://b@"),
)


def steps(text: str) -> float:
    """Return the processor time that redaction takes, the least of two."""
    rules = redactor([])

    def once() -> float:
        begun = time.process_time()
        rules.text(text)
        rules.answer_text(text)
        rules.request(f"https://h/{text}", {"__text__": text, "member": text})
        return time.process_time() - begun

    return min(once() for _ in range(2))


@pytest.mark.parametrize("unit", UNITS)
def test_the_work_grows_with_the_text_and_not_with_its_square(unit: str) -> None:
    size = 15_000
    short, long = (steps(unit * (length // len(unit))) for length in (size, 8 * size))

    assert long < 8 * 3 * short
