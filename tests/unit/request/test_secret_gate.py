"""`secret_gate`: no file passes that holds a credential, however it is spelt and cut into pieces."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import HoldsSecret
from openai_replay.format.recording import JSON
from openai_replay.request.redaction import redactor
from openai_replay.request.secret_gate import SecretGate, checked, refuse_name

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"
SECRET = 'sk-proj/aB3+dEf"Gh1'

SPELT = {
    "plain": SECRET.encode(),
    "in JSON": json.dumps(SECRET)[1:-1].encode(),
    "in JSON in JSON": json.dumps(json.dumps(SECRET)[1:-1])[1:-1].encode(),
    "with escaped slashes": json.dumps(SECRET)[1:-1].replace("/", "\\/").encode(),
    "percent-encoded": quote(SECRET, safe="").encode(),
    "percent-encoded in small letters": quote(SECRET, safe="").replace("%2F", "%2f").replace("%2B", "%2b").encode(),
    "UTF-16": SECRET.encode("utf-16-le"),
    "base64": base64.b64encode(SECRET.encode()),
}  # fmt: skip


@pytest.mark.parametrize("spelt", SPELT.values(), ids=SPELT)
@given(before=st.integers(0, 200_000), cut=st.integers(0, 80))
def test_a_credential_is_refused_wherever_the_pieces_are_cut(spelt: bytes, before: int, cut: int) -> None:
    content = b"x" * before + spelt + b"y" * 100
    passed = bytearray()

    with pytest.raises(HoldsSecret, match="the recording would hold a credential"):
        passed.extend(
            byte
            for piece in checked(
                [content[: before + cut], content[before + cut :]], [SECRET], "the recording"
            )
            for byte in piece
        )
    assert len(passed) <= before


@given(st.lists(st.binary(max_size=100_000), max_size=5))
def test_all_else_passes_as_it_is(pieces: list[bytes]) -> None:
    assert b"".join(checked(pieces, [SECRET], "the recording")) == b"".join(pieces)


def test_without_credentials_everything_passes() -> None:
    assert b"".join(checked([SECRET.encode()], [], "the recording")) == SECRET.encode()


def test_names_of_files_are_checked_too() -> None:
    refuse_name("ab12.json", ["abcdef0123456789"])
    with pytest.raises(HoldsSecret, match=r"^the name of the recording would hold"):
        refuse_name("ab12-at-abcdef0123456789.json", ["abcdef0123456789"])


# --- files beside the recordings ----------------------------------------------------------------------------------

OWN = "own/cre+dential<0>"


@pytest.fixture
def gate() -> SecretGate:
    found = SecretGate()
    found.learn([OWN])
    return found


@pytest.mark.parametrize("spelt", SPELT.values(), ids=SPELT)
def test_each_spelling_of_a_known_credential_is_replaced(spelt: bytes) -> None:
    gate = SecretGate()
    gate.learn([SECRET])

    assert gate.content(b"before " + spelt + b" after").startswith(b"before REDACTED")
    assert SECRET.encode() not in gate.content(spelt)


def test_a_secret_is_replaced_wherever_it_is_in_a_value(gate: SecretGate) -> None:
    value: dict[str, JSON] = {"a": [{OWN: f"x {OWN}"}, 1, None, True, {"b": f"\n{KEY}"}], "c": "plain"}

    assert gate.json(value) == {
        "a": [{"REDACTED": "x REDACTED"}, 1, None, True, {"b": "\nREDACTED"}],
        "c": "plain",
    }


def test_a_value_without_secrets_is_the_same(gate: SecretGate) -> None:
    value: dict[str, JSON] = {"a": ["\udc80 100% \\u0041", 1.5]}
    assert gate.json(value) is value


def test_text_in_a_page_and_bytes_of_no_text_are_looked_at(gate: SecretGate) -> None:
    assert gate.text(f"<b>{html.escape(OWN)}</b>") == "<b>REDACTED</b>"
    assert gate.content(b"\xff" + KEY.encode() + b"\xff") == b"\xffREDACTED\xff"
    assert gate.text("\ud800 \udc80") == "\ud800 \udc80"


def test_the_users_expressions_count_where_they_are_given(gate: SecretGate) -> None:
    assert gate.text("user-17", redactor(["user-[0-9]+"])).startswith("REDACTED-")
    assert gate.text("user-17") == "user-17"


def test_the_latest_credentials_of_many_are_known(gate: SecretGate) -> None:
    gate.learn(f"credential-{number:04}" for number in range(1000))

    assert gate.text("credential-0999 credential-0950") == "REDACTED REDACTED"
    assert len(gate.credentials) < 100
