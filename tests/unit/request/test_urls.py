"""`urls`: the same place is the same however it is written."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.request.identity import Identity, identify
from openai_replay.request.urls import canonical_path, canonical_query, rooted
from support.requests import API
from unit.exchanges import NO_RULES


def of(url: str) -> Identity:
    return identify("GET", url, {}, NO_RULES)


def test_query_and_host_have_no_form() -> None:
    one = of("https://api.openai.com/v1/files?limit=2&after=x")
    assert one == of("https://API.OpenAI.com.:443/v1/files?after=x&&limit=2")
    assert one == of("https://api.openai.com/v1/v1/files?after=x&limit=2")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a=1&b=2", "a=2&b=1"),
        ("a=1&a=1", "a=1"),
        ("a=b%26c", "a=b&c"),
    ],
)
def test_parameters_are_not_mixed_up(one: str, other: str) -> None:
    assert of(f"{API}/v1/files?{one}").key != of(f"{API}/v1/files?{other}").key


# --- spelling -----------------------------------------------------------------------------------------------------

PLAIN = string.ascii_letters + string.digits + "-._~"


def spelt(octets: bytes, random: Any, plain: str = PLAIN) -> str:
    """Return bytes in one of the spellings that RFC 3986, section 6.2.2, calls equivalent."""

    def letter(octet: int) -> str:
        encoded = f"%{octet:02{random.choice('xX')}}"
        return random.choice([chr(octet), encoded]) if chr(octet) in plain else encoded

    return "".join(map(letter, octets))


SEGMENTS = st.lists(st.binary(max_size=4).filter(lambda octets: octets not in (b".", b"..")), max_size=4)
PARAMETERS = st.lists(st.tuples(st.binary(max_size=4), st.binary(max_size=4)), max_size=4)


@given(SEGMENTS, SEGMENTS, st.randoms(use_true_random=False))
def test_paths_are_equal_exactly_if_their_segments_are(
    one: list[bytes], other: list[bytes], random: Any
) -> None:
    def path(segments: list[bytes]) -> str:
        return "/v2/" + "/".join(spelt(segment, random, f"{PLAIN}!$&'()*+,;=:@") for segment in segments)

    assert canonical_path(path(one)) == canonical_path(path(one))
    assert (canonical_path(path(one)) == canonical_path(path(other))) == ((one or [b""]) == (other or [b""]))


@given(PARAMETERS, PARAMETERS, st.randoms(use_true_random=False))
def test_queries_are_equal_exactly_if_their_parameters_are(
    one: list[tuple[bytes, bytes]], other: list[tuple[bytes, bytes]], random: Any
) -> None:
    def query(parameters: list[tuple[bytes, bytes]]) -> str:
        shuffled = random.sample(parameters, len(parameters))
        texts = [f"{spelt(name, random)}={spelt(value, random)}" for name, value in shuffled]
        return "&".join(texts).replace("%20", random.choice(["+", "%20"]))

    assert canonical_query(query(one)) == canonical_query(query(one))
    assert (canonical_query(query(one)) == canonical_query(query(other))) == (sorted(one) == sorted(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/v1/files/a%2Ab", "/v1/files/a*b"),
        ("/v1/files/%7Eme", "/v1/files/~me"),
        ("/v1/files/%c3%bc", "/v1/files/\u00fc"),
        ("/v1/./files", "/v1/files"),
        ("/v1/x/../files", "/v1/files"),
        ("/v1/x/%2E%2E/files", "/v1/files"),
        ("/../v1/files", "/v1/files"),
        ("/v1/files/.", "/v1/files/"),
        ("/v1/files/x/..", "/v1/files/"),
        ("/v1/v1/files", "/v1/files"),
        ("/v1/files?metadata%5Brun+id%5D=a", "/v1/files?metadata[run%20id]=a"),
        ("/v1/files?a=%7E&b=%2A", "/v1/files?b=*&a=~"),
    ],
)
def test_spellings_that_sdks_use_are_one(one: str, other: str) -> None:
    assert of(f"{API}{one}") == of(f"{API}{other}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/v1/files/a%2Fb", "/v1/files/a/b"),
        ("/v1/files/a+b", "/v1/files/a%20b"),
        ("/v1/files/A", "/v1/files/a"),
        ("/v1/files/", "/v1/files"),
        ("/v1//files", "/v1/files"),
        ("/v1/files?a=%2B", "/v1/files?a=+"),
        ("/v1/files?a%3Db=c", "/v1/files?a=b%3Dc"),
        ("/v1/files?a=1%262", "/v1/files?a=1&2"),
        ("/v1/files?a", "/v1/files?a="),
        ("/v1/files?a=%FF", "/v1/files?a=%FE"),
    ],
)
def test_what_names_something_else_is_told_apart(one: str, other: str) -> None:
    assert of(f"{API}{one}").key != of(f"{API}{other}").key


@pytest.mark.parametrize("path", ["/v1/\udcff", "/v1/%ff?a=\udc80", "/v1/%"])
def test_bytes_that_are_no_text_are_a_place_like_others(path: str) -> None:
    assert of(f"{API}{path}") == of(f"{API}{path}")
    assert of(f"{API}{path}").key != of(f"{API}/v1/").key


def test_a_surrogate_that_stands_for_no_byte_is_a_place_like_others() -> None:
    assert of(f"{API}/v1/\ud800").key not in (of(f"{API}/v1/\ud801").key, of(f"{API}/v1/").key)


def test_a_path_begins_with_a_slash() -> None:
    assert [rooted(path) for path in ("/v1/models?a=b", "*", "")] == ["/v1/models?a=b", "/*", "/"]


def test_a_number_sign_in_a_request_target_belongs_to_its_path_or_query() -> None:
    assert [rooted(path) for path in ("/v1/files?after=a#1", "/a#b")] == ["/v1/files?after=a%231", "/a%23b"]
