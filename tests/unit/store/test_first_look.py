"""`first_look`: another process gives the rows of one request first, and then makes the whole index."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from openai_replay.request.literals import literals
from openai_replay.store.first_look import Early, FirstLook, Look, Order
from openai_replay.store.index import Index
from unit.exchanges import NO_RULES, chat, completion, write_recording

REQUEST = chat("Tell me")
KEY = REQUEST.identity.key


@pytest.fixture
def filled(folder: Path) -> Path:
    """A folder with three recordings of the request, one of them with its letters escaped, and others."""
    write_recording(folder, "b.json", REQUEST, completion(), test_id="t")
    write_recording(folder, "sub/c.json", chat("Tell me", user=None), completion())
    path = write_recording(folder, "a.json", REQUEST, completion())
    path.write_text(path.read_text().replace("Tell me", "T\\u0065ll m\\u0065"))
    write_recording(folder, "other.json", chat("Tell me more"), completion())
    write_recording(folder, "another.json", chat("Tell them"), completion())
    (folder / "broken.json").write_text("Tell me")
    return folder


def order(folder: Path, cache: Path) -> Order:
    return Order(folder, NO_RULES, cache, KEY, literals(REQUEST))


def test_the_first_rows_are_those_of_the_whole_index(filled: Path, tmp_path: Path) -> None:
    look = FirstLook(order(filled, tmp_path / "cache"), 7)
    early = look.early()
    found = look.look()

    with closing(Index(filled, NO_RULES, tmp_path / "cache")) as index:
        rows = [(os.fsencode(row.path), row.stream_options, row.test_id) for row in index.rows(KEY)]
    assert [row[0] for row in rows] == [b"a.json", b"b.json", b"sub/c.json"]
    assert isinstance(early, Early)
    assert [(path, options, test_id and test_id.decode()) for path, options, test_id in early.rows] == rows
    assert early.folders.keys() == {"", "sub"}
    assert isinstance(found, Look)
    assert found.has_plain_files
    assert found.has_new_rows
    [warning] = found.warnings
    assert "broken.json" in warning
    assert look.changes == 7


def test_with_rows_of_an_earlier_run_there_are_no_first_ones(filled: Path, tmp_path: Path) -> None:
    for expected in (3, 0):
        look = FirstLook(order(filled, tmp_path / "cache"), None)
        early = look.early()
        assert early is not None
        assert len(early.rows) == expected
        assert look.look() is not None


def test_a_process_that_was_given_up_gives_nothing_more(filled: Path, tmp_path: Path) -> None:
    look = FirstLook(order(filled, tmp_path / "cache"), None)
    look.give_up()
    assert look.early() is None
    assert look.look() is None


def test_without_a_place_for_the_index_it_fails(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert FirstLook(order(filled, tmp_path / "file"), None).early() is None
