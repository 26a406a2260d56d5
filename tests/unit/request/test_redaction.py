"""`redaction`: no secret gets into a file, and nothing else is taken for one."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openai_replay.errors import BadOption
from openai_replay.format.recording import JSON
from openai_replay.request.redaction import redactor
from unit.exchanges import JSON_VALUES

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"

# Texts that redaction looks at closely; none of them is certainly a key.
TEXTS_NEAR_SECRETS = st.lists(
    st.sampled_from(
        (
            *("bearer ", "Bearer ", "sk-", "sk-proj-", "hf_", "ek_", "gsk_", "eyJ", "https://h/?", "key="),
            *("code=", "&", "token", "=", "certificate", "2024", "-", "_", "a1b2c3", "H301", "Model", " "),
            *("%", "\\x41", "&#65;", "/", ".", "@", ":", '{"password": "', '"}', "[", "]", "1", "2"),
        )
    ),
    min_size=1,
    max_size=6,
).map("".join)


def jwt(claims: JSON) -> str:
    """Return a JSON Web Token (RFC 7519) with a signature of no key."""
    parts = (
        json.dumps({"alg": "HS256", "typ": "JWT"}).encode(),
        json.dumps(claims).encode(),
        b"no signature at all",
    )
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


SECRETS = {
    "a project's key": (KEY, "REDACTED"),
    "an old key": ("sk-aB3dEfGh1jKlMnOpQrSt", "REDACTED"),
    "perhaps an old key": ("sk-abcdefghijklmnop1234", "REDACTED-6c2b"),
    "another vendor's key": ("sk-ant-api03-abcdefgh_ijk-1", "REDACTED-ae4a"),
    "a key in a sentence": (f"My key is {KEY}, thanks.", "My key is REDACTED, thanks."),
    "a key in a URL": (f"https://h/v1?key={KEY}&a=b", "https://h/v1?key=REDACTED&a=b"),
    "a bearer": ("Authorization: Bearer abc.DEF-123_x/y+z==", "Authorization: REDACTED-7aac"),
    "a bearer in lower case": ("bearer  01a3f567f9abcd0f1", "REDACTED"),
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


ESCAPES: dict[str, Callable[[str], str]] = {
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, each letter": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "a URL": lambda text: quote(text, safe=""),
    "a URL, each letter": lambda text: "".join(f"%{ord(letter):02X}" for letter in text),
    "a program": lambda text: "".join(f"\\x{ord(letter):02x}" for letter in text),
    "a program, in braces": lambda text: "".join(f"\\u{{{ord(letter):x}}}" for letter in text),
    "HTML": html.escape,
    "HTML, decimal": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(letter):X};" for letter in text),
}
OWN = "my-own/credential+0"


@given(st.sampled_from([KEY, OWN]), st.lists(st.sampled_from(sorted(ESCAPES)), max_size=3))
def test_a_key_is_replaced_below_three_levels_of_any_escapes(key: str, ways: list[str]) -> None:
    spelt = key
    for way in ways:
        spelt = ESCAPES[way](spelt)
    redact = redactor([])

    assert redact.may_match(f"a {spelt} b", [OWN])
    assert redact.text(f"a {spelt} b", [OWN]) == "a REDACTED b"


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


def body_without_secrets(body: JSON, url: str = URL) -> JSON:
    return redactor([]).request(url, body).body


# Texts that look like a secret, or stand in the place of one, and that a person may mean as they are: two for each.
NEAR_SECRETS: dict[str, tuple[str, str]] = {
    "words after bearer": ("bearer certificate2024", "bearer certificate2025"),
    "a product's name after bearer": ("Bearer oauth2-proxy-config", "Bearer oauth3-proxy-config"),
    "a path after bearer": ("flag bearer olympics/2024/paris", "flag bearer olympics/2028/paris"),
    "a telephone number after bearer": ("standard bearer +442071234567", "standard bearer +442071234568"),
    "a UUID after bearer": (f"the bearer {UUID(int=1)} may", f"the bearer {UUID(int=2)} may"),
    "a part number": ("sk-hynix-hma82gr7cjr8n", "sk-hynix-hma81gr7cjr8n"),
    "a long part number": ("sk-hynix-pc5-5600b-ddr5-16gb", "sk-hynix-pc5-5600b-ddr5-32gb"),
    "a task's UUID": (f"sk-{UUID(int=7 << 96)}", f"sk-{UUID(int=8 << 96)}"),
    "the name of a project": ("sk-proj-planning-2024", "sk-proj-planning-2025"),
    "the name of a class": ("hf_AutoModelForCausalLM2024", "hf_AutoModelForCausalLM2025"),
    "the name of a file": ("ghs_hazardStatement2024H301", "ghs_hazardStatement2024H302"),
    "a sample JWT": (jwt({"name": "John"}), jwt({"name": "Jane"})),
    "the name of an image": ("https://h/i?key=cat.png", "https://h/i?key=dog.png"),
    "an article's code": ("https://shop.example/item?code=A1", "https://shop.example/item?code=B2"),
    "a user at a host": ("ftp://john@example.com/x", "ftp://jane@example.com/x"),
    "a sample token in a URL": ("https://h/?token=a1b2c3d4e5f6g7", "https://h/?token=a1b2c3d4e5f6g8"),
    "JSON about passwords": ('{"password": "hunter2"}', '{"password": "hunter3"}'),
    "JSON about headers": ('{"headers": {"Title": "a"}}', '{"headers": {"Title": "b"}}'),
    "a commit": (f"commit {'3f786850e3' * 4}", f"commit {'3f786850e4' * 4}"),
}

PLACES_OF_TEXTS: dict[str, Callable[[str], JSON]] = {
    "messages": lambda text: {"messages": [{"role": "user", "content": text}]},
    "parts": lambda text: {"input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]},
    "input": lambda text: {"input": text},
    "prompt": lambda text: {"prompt": text, "instructions": text},
    "a form": lambda text: {"__multipart__": [{"name": "prompt", "value": text}]},
}


@pytest.mark.parametrize("place", PLACES_OF_TEXTS.values(), ids=PLACES_OF_TEXTS)
@pytest.mark.parametrize("texts", NEAR_SECRETS.values(), ids=NEAR_SECRETS)
def test_two_texts_that_may_be_no_secrets_are_two_requests(
    texts: tuple[str, str], place: Callable[[str], JSON]
) -> None:
    one, other = (body_without_secrets(place(text)) for text in texts)

    assert one != other
    assert body_without_secrets(one) == one


@given(TEXTS_NEAR_SECRETS, TEXTS_NEAR_SECRETS)
def test_texts_of_words_and_numbers_are_two_requests(one: str, other: str) -> None:
    assume(one != other)

    for place in PLACES_OF_TEXTS.values():
        assert body_without_secrets(place(one)) != body_without_secrets(place(other))


def test_a_tools_header_that_is_no_credential_counts() -> None:
    def body(name: str, value: str) -> JSON:
        return body_without_secrets({"tools": [{"type": "mcp", "headers": {name: value}}]})

    assert body("X-MCP-Toolsets", "issues") != body("X-MCP-Toolsets", "repos")
    assert body("X-Api-Key", "dummy") == body("X-Api-Key", KEY)
    assert body("X-Vendor", "Bearer dummy") == body("X-Vendor", f"Bearer {KEY}")
    assert body("X-Vendor", KEY) == body("X-Vendor", KEY.swapcase().replace("SK-PROJ", "sk-proj"))


def test_parameters_of_a_tools_server_do_not_count() -> None:
    def body(code: str) -> JSON:
        return body_without_secrets({"tools": [{"server_url": f"https://f.example/mcp?code={code}"}]})

    assert body("dummy") == body("aB3dEfGh1jKlMnOpQrSt")


@pytest.mark.parametrize("place", PLACES_OF_TEXTS.values(), ids=PLACES_OF_TEXTS)
@pytest.mark.parametrize("text", ["Use {}.", '{{"api_key": "{}"}}', "https://h/?api_key={}"])
def test_the_credential_of_a_request_does_not_count_in_its_texts(
    place: Callable[[str], JSON], text: str
) -> None:
    one, other = (
        redactor([]).request(URL, place(text.format(key)), [key]).body
        for key in ("my-own-credential-0", "another-credential-1")
    )

    assert one == other


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
    *(
        "://a:b",
        "&#115;",
        "&amp;#",
        "\\x73",
        "\\u{73}",
        "Bearer a1-",
        "TOKEN=a1",
        '{"headers":{"a":"b1c2d3e4"}}\n',
    ),
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
