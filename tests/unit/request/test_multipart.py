"""`multipart`: the content of a form, without keeping it, for any boundary, order and pieces."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.request.multipart import MULTIPART, MultipartParser, boundary_of
from support.requests import form_body

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters='"%\\\r\n', exclude_categories=["Cc"]), max_size=5
)
PARTS = st.lists(st.tuples(NAMES, st.none() | NAMES, st.binary(max_size=40)), max_size=4)
BOUNDARIES = st.text("abcXYZ019-_", min_size=1, max_size=8).map("b-{}-e".format)


def form(parts: list[tuple[str, str | None, bytes]], boundary: str) -> bytes:
    return form_body(boundary, *((header(name, filename), content) for name, filename, content in parts))


def header(name: str, filename: str | None) -> str:
    if filename is None:
        return f'name="{name}"'
    return f'name="{name}"; filename="{filename}"\r\nContent-Type: application/octet-stream'


def parsed(pieces: list[bytes], boundary: str = "b") -> JSON:
    parser = MultipartParser(boundary.encode())
    for piece in pieces:
        parser.feed(piece)
    return parser.result()


def bytewise(content: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in content]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_field_is_kept_and_a_file_is_described() -> None:
    body = form([("model", None, b"whisper-1"), ("file", "Gruß.mp3", b"\xff\xfb")], "b")

    assert parsed([body]) == {
        MULTIPART: [
            {"name": "file", "filename": "Gruß.mp3", "size": 2, "sha256": sha256(b"\xff\xfb")},
            {"name": "model", "value": "whisper-1"},
        ]
    }


def test_a_field_of_bytes_and_a_long_field_are_described_like_files() -> None:
    long = b"x" * 65_537
    body = form([("a", None, b"\xff"), ("b", None, long), ("c", None, long[1:])], "b")

    assert parsed([body]) == {
        MULTIPART: [
            {"name": "a", "size": 1, "sha256": sha256(b"\xff")},
            {"name": "b", "size": 65_537, "sha256": sha256(long)},
            {"name": "c", "value": "x" * 65_536},
        ]
    }


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        (('filename="ä.mp3"', "filename*=UTF-8''%C3%A4.mp3", "filename*=utf-8'de'%c3%a4.mp3"), "ä.mp3"),
        (("filename=\"=?utf-8?B?w6QubXAz?=\"; filename*=utf-8''%C3%A4.mp3",), "ä.mp3"),
        (
            ("filename*=iso-8859-1''%E4.mp3; filename=\"a.mp3\"", 'filename="a.mp3"', "filename=a.mp3"),
            "a.mp3",
        ),
        (('filename="a%22b\\\\c.mp3"', 'filename="a\\"b\\\\c.mp3"', 'filename="a%22b\\c.mp3"'), 'a"b\\c.mp3'),
        (('filename="100%25.mp3"',), "100%25.mp3"),
        (('filename="a%0D%0Ab"', 'filename="a%0d%0ab"'), "a\r\nb"),
    ],
)
def test_a_file_has_one_name_however_an_sdk_spells_it(spellings: tuple[str, ...], name: str) -> None:
    for spelling in spellings:
        body = form_body("b", (f'name="file"; {spelling}', b"x"))
        assert parsed([body]) == {
            MULTIPART: [{"name": "file", "filename": name, "size": 1, "sha256": sha256(b"x")}]
        }


@pytest.mark.parametrize(
    "body",
    [
        b'--b\r\nContent-Disposition: form-data;\r\n name="f";\r\n\tfilename="a"\r\n\r\nx\r\n--b--\r\n',
        b'--b \t\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nx\r\n--b-- \r\n',
        b"preamble\r\n--b  \r\ncontent-disposition: FORM-DATA; NAME=f; FileName=a\r\n\r\nx\r\n--b\t--epilogue",
    ],
    ids=["folded header", "padded delimiters", "preamble and epilogue"],
)
def test_white_space_between_the_parts_does_not_count(body: bytes) -> None:
    expected = {MULTIPART: [{"name": "f", "filename": "a", "size": 1, "sha256": sha256(b"x")}]}
    assert (parsed([body]), parsed(bytewise(body))) == (expected, expected)


def test_padding_without_an_end_is_no_form() -> None:
    assert parsed([b"--b" + b" " * 70_000, b" " * 70_000]) == {
        "__bytes__": {"size": 140_003, "sha256": sha256(b"--b" + b" " * 140_000)}
    }


def test_a_form_of_nothing_is_complete() -> None:
    assert parsed([b"--b--\r\n"]) == {MULTIPART: []}


def test_content_that_looks_like_a_boundary_is_content() -> None:
    content = b"\r\n--\r\n-b\r\n --b\r\n--a"
    assert parsed([form([("f", "f", content)], "b")]) == {
        MULTIPART: [{"name": "f", "filename": "f", "size": len(content), "sha256": sha256(content)}]
    }


def test_what_comes_before_and_after_the_form_is_left_out() -> None:
    body = b"preamble\r\n" + form([("a", None, b"1")], "b") + b"epilogue\r\n--b\r\n"
    assert parsed([body]) == parsed(bytewise(body)) == {MULTIPART: [{"name": "a", "value": "1"}]}


@pytest.mark.parametrize(
    "header",
    [
        "content-disposition: FORM-DATA; name=a",
        'Content-Disposition:form-data;name="a"',
        'Content-Type: text/plain\r\nContent-Disposition: form-data; name="a"\r\nX: y',
    ],
)
def test_headers_are_read_as_clients_write_them(header: str) -> None:
    body = f"--b\r\n{header}\r\n\r\n1\r\n--b--".encode()
    assert parsed([body]) == {MULTIPART: [{"name": "a", "value": "1"}]}


INCOMPLETE = {
    "nothing": b"",
    "no end": b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
    "an end cut short": b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b-',
    "a part without a name": b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--",
    "a part without a header": b"--b\r\n\r\n1\r\n\r\n--b--",
    "another boundary": b"--c\r\n\r\n--c--",
    "a longer boundary": b"--bc--\r\n",
    "an endless header": b"--b\r\nX: "
    + b"x" * 70_000
    + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--',
}


@pytest.mark.parametrize("body", INCOMPLETE.values(), ids=INCOMPLETE)
def test_what_is_no_complete_form_is_none(body: bytes) -> None:
    opaque = {"__bytes__": {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}}
    assert parsed([body]) == parsed(bytewise(body)) == opaque


@given(PARTS, BOUNDARIES, st.lists(st.integers(0, 2**16), max_size=5))
def test_a_form_does_not_depend_on_where_its_bytes_are_cut(
    parts: list[tuple[str, str | None, bytes]], boundary: str, places: list[int]
) -> None:
    body = form(parts, boundary)
    bounds = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    pieces = [body[first:last] for first, last in zip(bounds, bounds[1:], strict=False)]  # noqa: RUF007

    assert parsed(pieces, boundary) == parsed([body], boundary) == parsed(bytewise(body), boundary)


@given(PARTS, BOUNDARIES, BOUNDARIES, st.randoms(use_true_random=False))
def test_a_form_depends_on_neither_boundary_nor_order(
    parts: list[tuple[str, str | None, bytes]], one: str, other: str, random: object
) -> None:
    shuffled = sorted(parts, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert parsed([form(parts, one)], one) == parsed([form(shuffled, other)], other)


@given(PARTS, BOUNDARIES, st.data())
def test_every_part_counts(
    parts: list[tuple[str, str | None, bytes]], boundary: str, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(parts)))
    other = [*parts[:number], ("another", None, b"x"), *parts[number:]]
    assert parsed([form(parts, boundary)], boundary) != parsed([form(other, boundary)], boundary)


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_any_bytes_are_a_form_or_none(pieces: list[bytes]) -> None:
    assert parsed(pieces) == parsed([b"".join(pieces)])


def test_memory_does_not_grow_with_a_file() -> None:
    parser = MultipartParser(b"b")
    parser.feed(b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n')
    for _ in range(64):
        parser.feed(bytes(1024 * 1024))
        assert len(parser._buffer) < 100


# --- content types ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; Boundary="a b:c"', b"a b:c"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/mixed; boundary=abc", None),
        ("application/json", None),
        ("", None),
    ],
)
def test_the_boundary_is_in_the_content_type(content_type: str, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


# As header bytes are read.
HEADER_TEXTS = st.binary(max_size=10).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(HEADER_TEXTS, HEADER_TEXTS)
def test_any_content_type_has_a_boundary_or_none(start: str, value: str) -> None:
    for text in (
        start + value,
        f"multipart/form-data; boundary={value}",
        f"multipart/form-data; boundary*={value}",
    ):
        boundary = boundary_of(text)
        assert boundary is None or boundary
