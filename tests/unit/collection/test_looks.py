"""`looks`: the files of each format look like cassettes, also cut ones, and files of a project's tools do not."""

from __future__ import annotations

import gzip

import pytest

from openai_replay.collection.looks import may_be_cassette
from support import cassette_makers
from support.cassette_makers import Made

MADE = Made(200, "application/json", b'{"said": 1}')
MAKERS = (*cassette_makers.ANY_BYTES, *cassette_makers.TEXTS_ALONE, *cassette_makers.ONE_ALONE)
# These have formats of their own, which their first bytes tell.
TRACES = (cassette_makers.httprr, cassette_makers.httprr_chunked)


@pytest.mark.parametrize("maker", [maker for maker in MAKERS if maker not in TRACES])
def test_each_format_looks_like_a_cassette(maker: cassette_makers.Maker) -> None:
    raw = maker([MADE])
    raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    assert may_be_cassette(raw)
    assert may_be_cassette(raw.decode().encode("utf-16"))
    assert may_be_cassette(raw + b"\n}}: [")


@pytest.mark.parametrize(
    "raw",
    [
        b"responses:\n- response:\n    body: ''\n",  # Python's responses
        b"---\n- Request:\n    method: GET\n- Response:\n    status: 200\n",  # surf-vcr, which is not read
        b'{"request": {"method": "GET"}, "response": {"status": 200}}',  # WireMock
    ],
)
def test_files_of_other_recorders_look_like_cassettes(raw: bytes) -> None:
    assert may_be_cassette(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b'{"compilerOptions": {"lib": ["dom"]}, // log\n}',
        b"services:\n  web:\n    image: x\n    logging: {}\n",
        b'{"scripts": {"when": "x"}, "dependencies": {"request": "^2.0.0"}}',
        b"on: {push: {}}\njobs: {a: {steps: [{if: x, then: y}]}}",
        b"\x00\x01interactions: []",
        b"# interactions and requests, responses\na: b",
    ],
)
def test_other_files_do_not(raw: bytes) -> None:
    assert not may_be_cassette(raw)
