"""`secret_gate`: no file passes that holds a credential, however it is spelt and cut into pieces."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import HoldsSecret
from openai_replay.request.secret_gate import checked, refuse_name

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
