"""`scope`: a test id is the same from a header, from the user name in the proxy's URL, and from the path."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.request.scope import cassette_spelling, from_header, from_proxy_authorization, split_path

TEST_IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
EXAMPLES = [
    "tests/test_a.py::test_b[x y-1]",
    "Größe: 東京 🗼",
    "100%",
    "%25",
    "a:b:",
    "../../etc",
    "@",
    "a?b#c",
]


def basic(user: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@given(TEST_IDS)
def test_a_percent_encoded_test_id_is_the_same_from_everywhere(test_id: str) -> None:
    encoded = quote(test_id, safe="")
    assert from_header(encoded) == test_id
    assert from_proxy_authorization(basic(encoded)) == test_id
    assert split_path(f"/@{encoded}/v1/x?y=z") == (test_id, "/v1/x?y=z")


@pytest.mark.parametrize("test_id", EXAMPLES)
def test_examples_are_the_same_from_everywhere(test_id: str) -> None:
    encoded = quote(test_id, safe="")
    assert from_header(encoded) == test_id
    assert from_proxy_authorization(basic(encoded)) == test_id
    assert split_path(f"/@{encoded}/v1") == (test_id, "/v1")


@pytest.mark.parametrize("test_id", ["tests/test_a.py::test_b[x y-1]", "Größe: 東京", "100%", "a+b"])
def test_a_header_need_not_be_encoded(test_id: str) -> None:
    assert from_header(test_id) == test_id


def test_a_header_is_utf8_or_else_latin_1() -> None:
    assert from_header("Größe".encode("latin-1").decode("utf-8", "surrogateescape")) == "Größe"


def test_a_header_without_a_value_says_nothing() -> None:
    assert from_header("") is None


def test_a_user_name_need_not_be_encoded_and_may_hold_colons() -> None:
    assert from_proxy_authorization(basic("tests/test_a.py::test_b")) == "tests/test_a.py::test_b"
    assert from_proxy_authorization(basic("a::b", "password")) == "a::b"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic Zm9v",
        "Bearer abc",
        basic(""),
        "Basic " + base64.b64encode(b":").decode(),
    ],
)
def test_what_is_no_user_name_says_nothing(value: str) -> None:
    assert from_proxy_authorization(value) is None


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/v1/models", (None, "/v1/models")),
        ("/", (None, "/")),
        ("*", (None, "*")),
        ("/v1/@a/x", (None, "/v1/@a/x")),
        ("/@/report?test_id=x", ("", "/report?test_id=x")),
        ("/@", ("", "/")),
        ("/@a", ("a", "/")),
        ("/@a/", ("a", "/")),
        ("/@a%2Fb/v1/@c", ("a/b", "/v1/@c")),
    ],
)
def test_a_path_is_split_after_its_first_segment(path: str, parts: tuple[str | None, str]) -> None:
    assert split_path(path) == parts


def test_a_prefix_is_utf8_or_else_latin_1() -> None:
    assert split_path("/@" + b"Gr\xf6\xdfe".decode("utf-8", "surrogateescape") + "/v1") == ("Größe", "/v1")


@given(st.binary(max_size=20))
def test_any_bytes_are_a_test_id_that_can_be_written_or_none(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    encoded = "Basic " + base64.b64encode(raw).decode()
    for test_id in (from_header(text), from_proxy_authorization(encoded), split_path(f"/@{text}")[0]):
        assert (test_id or "").encode() is not None
    from_proxy_authorization(text)


@pytest.mark.parametrize(
    ("test_id", "spelling"),
    [
        ("tests/test_a.py::test_q[bye/now]", "tests/test_a.py::test_q[bye-now]"),
        ("t/a.py::TestIt::test_q[a::b-c\\u4f60-<d>|*?%]", "t/a.py::TestIt::test_q[a--b-c-u4f60--d-----]"),
        ("tests/test_a.py::test_q", "tests/test_a.py::test_q"),
        ("tests/a[b/c]", "tests/a[b/c]"),
        (None, None),
    ],
)
def test_the_name_of_a_cassette_has_a_dash_for_what_files_cannot_hold(
    test_id: str | None, spelling: str | None
) -> None:
    assert cassette_spelling(test_id) == spelling
