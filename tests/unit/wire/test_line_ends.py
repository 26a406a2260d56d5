"""`line_ends`: the line ends of a stream are noted in few words, and written again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.wire.line_ends import LineEndNotes, with_line_ends

ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


def noted(*names: str) -> str:
    notes = LineEndNotes()
    for name in names:
        notes.add(name)
    return notes.note()


@pytest.mark.parametrize(
    ("names", "note"),
    [
        ((), ""),
        (("lf", "lf"), ""),
        (("crlf", "crlf"), "crlf"),
        (("cr",), "cr"),
        (("crlf", "crlf", "lf"), "crlf*2 lf"),
        (("lf", "cr", "lf"), "lf*1 cr*1 lf"),
    ],
)
def test_runs_of_line_ends_are_words(names: tuple[str, ...], note: str) -> None:
    assert noted(*names) == note


def test_a_carriage_return_becomes_a_crlf_with_the_newline_after_it() -> None:
    notes = LineEndNotes()
    notes.add_all_of(b"a\r\nb\r")
    notes.complete_crlf()

    assert notes.note() == "crlf"


@given(st.lists(st.sampled_from(sorted(ENDS)), max_size=9), st.integers(0, 9))
def test_line_ends_come_back_whatever_the_pieces(names: list[str], cut: int) -> None:
    plain = [f"{number}\n".encode() for number in range(len(names))]
    pieces = [b"".join(plain[:cut]), b"".join(plain[cut:])]
    expected = "".join(f"{number}{ENDS[name]}" for number, name in enumerate(names)).encode()

    # A cr before an lf would be read as a crlf: the text tells them apart.
    assert b"".join(with_line_ends(pieces, noted(*names) or None)) == expected


def test_lines_that_an_edit_added_end_as_the_last_one() -> None:
    assert with_line_ends([b"a\nb\n", b"c\n"], "lf*1 crlf") == (b"a\nb\r\n", b"c\r\n")


@pytest.mark.parametrize("note", ["", "nl", "crlf*0", "crlf,lf", 1, [], {}, "lf*-1"])
def test_a_note_of_another_form_is_an_error_that_says_where(note: JSON) -> None:
    with pytest.raises(ValueError, match=r"^expected line ends .* @ \$\.response\.wire\.line_ends$"):
        with_line_ends([b"a\n"], note)
