"""`credentials`: the headers that hold secrets, and all spellings that a secret may have in a file."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.request.credentials import credentials_of, searchable, spellings

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"
SECRET = "abcdef-0123456789"


def test_credentials_are_those_of_the_headers_longest_first() -> None:
    headers = [
        ("Authorization", f"Bearer {KEY}"),
        ("api-key", "0123456789abcdef"),
        ("X-Api-Key", "0123456789abcdefg"),
        ("user-agent", "not-a-secret-at-all"),
    ]
    assert credentials_of(headers) == (f"Bearer {KEY}", KEY, "0123456789abcdefg", "0123456789abcdef")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "authorization",
            "api-key",
            "x-api-key",
            "x-goog-api-key",
            "Ocp-Apim-Subscription-Key",
            "cookie-free-token",
        ),
        *(
            "proxy-authorization",
            "X-Auth-Token",
            "x-amz-security-token",
            "x-client-secret",
            "x-forwarded-authorization",
        ),
        *("Helicone-Auth", "x-portkey-virtual-key", "X-Functions-Key", "X_API_KEY", "openai-key", "token"),
        *("X-Credentials", "authentication", "x-jwt-assertion"),
    ],
)
def test_every_credential_header_counts(name: str) -> None:
    assert SECRET in credentials_of([(name, SECRET)])


@pytest.mark.parametrize(
    "name",
    [
        "idempotency-key",
        "sec-websocket-key",
        "x-cache-key",
        "x-model-key",
        "x-monkey",
        "author",
        "openai-beta",
    ],
)
def test_no_other_header_counts(name: str) -> None:
    assert credentials_of([(name, SECRET)]) == ()


def test_a_scheme_makes_any_header_a_credential() -> None:
    assert SECRET in credentials_of([("x-upstream", f"Bearer {SECRET}")])


@pytest.mark.parametrize(
    "value",
    [
        f'Digest username="a-long-user-name", uri="/v1/chat/completions", response="{SECRET}", qop=auth',
        f"AWS4-HMAC-SHA256 SignedHeaders=host;x-amz-date, Signature={SECRET}",
        f"Token token={SECRET}",
    ],
)
def test_the_parameters_of_a_credential_are_taken_apart(value: str) -> None:
    found = credentials_of([("authorization", value)])
    assert SECRET in found
    assert not {"/v1/chat/completions", "a-long-user-name"} & set(found)


def test_basic_is_decoded() -> None:
    encoded = base64.b64encode(b"user:supersecretpassword").decode()

    assert set(credentials_of([("Authorization", f"Basic {encoded}")])) == {
        *(f"Basic {encoded}", encoded, "user:supersecretpassword", "supersecretpassword"),
    }


def test_a_user_without_a_password_is_a_test_id() -> None:
    encoded = base64.b64encode(b"tests/test_a.py::test_b:").decode()

    assert credentials_of([("Proxy-Authorization", f"Basic {encoded}")]) == ()


def test_cookies_and_subprotocols_are_taken_apart() -> None:
    headers = [
        ("Cookie", f"theme=dark; session={SECRET}"),
        ("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{KEY}, openai-organization.org-1"),
    ]
    assert credentials_of(headers) == (KEY, SECRET)


@pytest.mark.parametrize("value", ["Bearer test", "dummy", "", "Bearer sk-short", "Basic !!!", "Basic"])
def test_a_stand_in_is_no_credential(value: str) -> None:
    assert credentials_of([("authorization", value)]) == ()


def test_short_words_and_numbers_are_not_searched_for() -> None:
    assert searchable(["password", "12345678", "abc1", "hunter22", "a" * 16]) == ("a" * 16, "hunter22")


@given(st.text(min_size=8, max_size=30))
def test_every_spelling_of_a_secret_is_known(secret: str) -> None:
    known = spellings(secret)
    raw = secret.encode()

    for written in (
        raw,
        json.dumps(secret)[1:-1].encode(),
        json.dumps(json.dumps(secret))[3:-3].encode(),
        quote(secret, safe="").encode(),
        quote(secret, safe="").lower().encode() if secret.islower() and secret.isascii() else raw,
        secret.encode("utf-16-le"),
        secret.encode("utf-16-be"),
        base64.b64encode(raw),
        raw.hex().encode(),
        raw.hex().upper().encode(),
    ):
        assert any(spelling in written for spelling in known)


@given(st.binary(max_size=9), st.text(min_size=8, max_size=30), st.binary(max_size=9))
def test_a_secret_is_known_within_base64(before: bytes, secret: str, behind: bytes) -> None:
    known = spellings(secret)
    whole = before + secret.encode() + behind

    assert any(spelling in base64.b64encode(whole) for spelling in known)
    assert any(spelling in base64.urlsafe_b64encode(whole) for spelling in known)
    assert any(spelling in base64.b32encode(whole) for spelling in known)


@given(st.binary(max_size=9), st.text(min_size=8, max_size=30), st.binary(max_size=9))
def test_a_secret_is_known_within_base64_of_base64(before: bytes, secret: str, behind: bytes) -> None:
    once = base64.b64encode(before + secret.encode() + behind)

    assert any(spelling in base64.b64encode(before + once + behind) for spelling in spellings(secret))
