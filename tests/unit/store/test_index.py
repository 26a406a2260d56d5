"""`index`: which files hold a recording of which request, kept between runs and never trusted over the files."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from openai_replay.request.identity import ApiRequest
from openai_replay.request.ignoring import ignore_rule
from openai_replay.request.literals import literals
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store import first_look
from openai_replay.store import index as index_module
from openai_replay.store.index import Index, cache_folder
from openai_replay.store.index_rows import Described, Job, describe_files
from openai_replay.store.likeness import sketch
from openai_replay.store.other_process import OtherProcess
from unit.exchanges import NO_RULES, chat, completion, get, write_recording

REQUEST = chat("Hi")
KEY = REQUEST.identity.key


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def paths_of(index: Index, key: str = KEY) -> list[str]:
    return [row.path for row in index.rows(key)]


def looked_up(folder: Path, cache: Path | None, key: str = KEY) -> list[str]:
    """Look up as a new process would."""
    with closing(Index(folder, NO_RULES, cache)) as index:
        return paths_of(index, key)


def age(*paths: Path) -> None:
    """Make files and folders look as if they had not been touched for a while."""
    for path in paths:
        os.utime(path, ns=(10**18, 10**18))


# --- finding ------------------------------------------------------------------------------------------------------


def test_recordings_are_found_by_the_request_in_them_in_all_subfolders(folder: Path) -> None:
    write_recording(folder, "b.json", REQUEST, completion(), test_id="t")
    write_recording(folder, "a/b/c.json", chat("Hi", stream=False, temperature=None), completion())
    write_recording(folder, "other.json", chat("Bye"), completion())
    write_recording(folder, ".hidden.json", REQUEST, completion())
    write_recording(folder, ".hidden/x.json", REQUEST, completion())

    with closing(Index(folder, NO_RULES, None)) as index:
        assert [(row.path, row.test_id, row.stream_options) for row in index.rows(KEY)] == [
            ("a/b/c.json", None, ""),
            ("b.json", "t", ""),
        ]
        assert index.paths() == ["a/b/c.json", "b.json", "other.json"]
        assert index.rows("0" * 64) == []


def test_a_folder_that_is_missing_has_nothing_until_it_is_made(folder: Path) -> None:
    folder.rmdir()
    with closing(Index(folder, NO_RULES, None)) as index:
        assert paths_of(index) == []
        write_recording(folder, "a.json", REQUEST, completion())
        assert paths_of(index) == ["a.json"]


def nearest(index: Index, request: ApiRequest = REQUEST) -> list[str]:
    return index.nearest(request.endpoint(), sketch(request.body), request.test_id, 500)


def test_the_nearest_are_of_the_same_endpoint(folder: Path) -> None:
    write_recording(folder, "a.json", REQUEST, completion(), test_id="t")
    write_recording(folder, "b.json", chat(url="https://h/v1/v1/chat/completions?x=1"), completion())
    write_recording(folder, "c.json", get("/v1/models"), [])
    with closing(Index(folder, NO_RULES, None)) as index:
        index.rows(KEY)
        assert sorted(nearest(index, chat("Hi", test_id="u"))) == ["a.json", "b.json"]
        assert nearest(index, chat("Hi", test_id="t")) == ["a.json"]


# --- changes ------------------------------------------------------------------------------------------------------


def test_what_is_added_changed_moved_or_removed_counts_at_once(folder: Path) -> None:
    with closing(Index(folder, NO_RULES, None)) as index:
        path = write_recording(folder, "a.json", REQUEST, completion())
        assert paths_of(index) == ["a.json"]
        write_recording(folder, "new/b.json", REQUEST, completion())
        assert paths_of(index) == ["a.json", "new/b.json"]
        path.rename(folder / "new" / "a.json")
        assert paths_of(index) == ["new/a.json", "new/b.json"]
        (folder / "new" / "a.json").unlink()
        assert paths_of(index) == ["new/b.json"]
        write_recording(folder, "new/b.json", chat("Another one"), completion())
        assert index.rows_after_full_check(KEY) == []


def test_what_was_changed_in_place_to_answer_a_request_counts_at_once(folder: Path) -> None:
    path = write_recording(folder, "sub/a.json", chat("Bye now"), completion())
    age(path, folder / "sub", folder)
    with closing(Index(folder, NO_RULES, None)) as index:
        assert paths_of(index) == []
        with open(path, "r+") as file:
            text = file.read().replace("Bye now", "Hi")
            file.seek(0)
            file.write(text)
            file.truncate()
        age(folder / "sub", folder)
        assert paths_of(index) == ["sub/a.json"]


def test_a_subfolder_that_is_removed_takes_its_recordings_with_it(folder: Path) -> None:
    path = write_recording(folder, "x/y/a.json", REQUEST, completion())
    with closing(Index(folder, NO_RULES, None)) as index:
        assert paths_of(index) == ["x/y/a.json"]
        path.unlink()
        (folder / "x" / "y").rmdir()
        (folder / "x").rmdir()
        assert index.paths() == []


def test_folders_settle_when_they_have_not_been_touched_for_a_while(folder: Path) -> None:
    write_recording(folder, "x/a.json", REQUEST, completion())
    with closing(Index(folder, NO_RULES, None)) as index:
        assert not index.has_settled()
        index.rows(KEY)
        assert not index.has_settled()
        age(folder, folder / "x")
        index.rows(KEY)
        assert index.has_settled()
        write_recording(folder, "x/b.json", REQUEST, completion())
        assert not index.has_settled()


def test_what_came_after_the_first_look_is_of_no_earlier_run(folder: Path) -> None:
    write_recording(folder, "a.json", REQUEST, completion())
    with closing(Index(folder, NO_RULES, None)) as index:
        assert [row.path for row in index.rows_of_earlier_runs(KEY)] == ["a.json"]
        write_recording(folder, "b.json", REQUEST, completion())
        assert [row.path for row in index.rows_of_earlier_runs(KEY)] == ["a.json"]


# --- files that are no recordings ---------------------------------------------------------------------------------


def test_files_that_cannot_be_read_change_nothing_but_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_recording(folder, "good.json", REQUEST, completion())
    (folder / "empty.json").touch()
    (folder / "cut.json").write_text('{"request": ')
    (folder / "list.json").write_text("[]")
    (folder / "latin.json").write_bytes(b'{"a": "\xe9"}')
    (folder / "digits.json").write_text("9" * 10_000)
    (folder / "deep.json").write_text("[" * 100_000)
    body = "[" * 1200 + "]" * 1200
    (folder / "deep-request.json").write_text(
        f'{{"request": {{"method": "POST", "url": "https://h/x", "body": {body}}}, "response": {{"body": 1}}}}'
    )
    with caplog.at_level(logging.WARNING), closing(Index(folder, NO_RULES, None)) as index:
        assert paths_of(index) == ["good.json"]
        assert index.paths() == ["good.json"]
        assert len(index.problems()) == 7

    named = sorted(record.getMessage().split(": ")[1].rpartition("/")[2] for record in caplog.records)
    assert named == sorted(path.name for path in folder.iterdir() if path.name != "good.json")


def test_files_of_something_else_are_passed_over_without_a_word(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_recording(folder, "good.json", REQUEST, completion())
    (folder / "tool.json").write_text(json.dumps({"request": {"tool_name": "x"}, "response": {"body": 1}}))
    (folder / "port.json").write_text(
        json.dumps({"request": {"url": "https://h:99999/x"}, "response": {"body": 1}})
    )
    (folder / "notes.txt").write_text("no JSON at all")
    (folder / "folder.json").mkdir()
    (folder / "nowhere.json").symlink_to(folder / "not-there")
    os.mkfifo(folder / "pipe.json")
    with caplog.at_level(logging.INFO), closing(Index(folder, NO_RULES, None)) as index:
        assert index.paths() == ["good.json"]
        assert index.problems() == []
    assert caplog.records == []


def test_names_and_test_ids_that_are_no_unicode_are_taken_as_they_are(folder: Path, cache: Path) -> None:
    odd_name = os.fsdecode(b"odd-\xff.json")
    try:
        write_recording(folder, odd_name, REQUEST, completion(), test_id="\ud800")
    except OSError as exc:
        pytest.skip(f"this file system takes no such name: {exc}")
    for _ in range(2):
        with closing(Index(folder, NO_RULES, cache)) as index:
            assert [(row.path, row.test_id) for row in index.rows(KEY)] == [(odd_name, "\ud800")]
            assert nearest(index, chat("Hi", test_id="\ud800")) == [odd_name]


def test_a_huge_file_of_something_else_changes_nothing(folder: Path) -> None:
    write_recording(folder, "good.json", REQUEST, completion())
    with open(folder / "huge.json", "w") as file:
        file.write('{"data": [' + ",".join(["[1, 2, 3]"] * 300_000) + "]}")
    assert looked_up(folder, None) == ["good.json"]


# --- the kept index -----------------------------------------------------------------------------------------------


def test_nothing_is_opened_before_it_is_used(folder: Path, cache: Path) -> None:
    Index(folder, NO_RULES, cache).close()
    assert not cache.exists()


def test_a_kept_index_spares_reading_the_files_again(
    folder: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_recording(folder, "a.json", REQUEST, completion())
    (folder / "broken.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        assert looked_up(folder, cache) == ["a.json"]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("openai_replay.store.index_rows.read_request", None)  # nothing is read again
            assert looked_up(folder, cache) == ["a.json"]
    # The fault of a file is said in each run, from the row of an earlier one.
    first, second = (record.getMessage() for record in caplog.records)
    assert first == second
    assert "broken.json: expected JSON" in first


def test_a_kept_index_is_not_trusted_over_the_files(folder: Path, cache: Path) -> None:
    path = write_recording(folder, "a.json", REQUEST, completion())
    gone = write_recording(folder, "b.json", REQUEST, completion())
    assert looked_up(folder, cache) == ["a.json", "b.json"]
    write_recording(folder, "a.json", chat("Something else"), completion())
    gone.unlink()
    write_recording(folder, "c.json", REQUEST, completion())
    age(path, folder)

    assert looked_up(folder, cache) == ["c.json"]


def test_each_folder_and_each_set_of_rules_has_an_index_of_its_own(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    write_recording(folder, "a.json", chat("Hi", user="x"), completion())
    rules = Rules((ignore_rule("user"),), redactor(()))
    assert looked_up(folder, cache) == []
    with closing(Index(folder, rules, cache)) as index:
        assert paths_of(index, chat("Hi", rules=rules).identity.key) == ["a.json"]
    assert looked_up(tmp_path / "elsewhere", cache) == []
    assert len(list(cache.glob("*.sqlite3"))) == 3


def database(cache: Path) -> Path:
    [path] = cache.glob("*.sqlite3")
    return path


DAMAGES = {
    "empty": lambda content: b"",
    "no database": lambda content: b"no database at all" * 1000,
    "cut": lambda content: content[:5000],
    "overwritten from the second page on": lambda content: content[:4096] + os.urandom(len(content) - 4096),
    "another schema": lambda content: content.replace(b"stream_options", b"stream_optionz"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_index_is_made_anew(folder: Path, cache: Path, damage: object) -> None:
    for number in range(60):
        write_recording(folder, f"{number}.json", chat(f"{number}"), completion())
    write_recording(folder, "a.json", REQUEST, completion())
    assert looked_up(folder, cache) == ["a.json"]
    path = database(cache)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]

    assert looked_up(folder, cache) == ["a.json"]
    assert looked_up(folder, cache) == ["a.json"]


def test_an_index_that_is_damaged_while_it_is_open_is_done_without(folder: Path, cache: Path) -> None:
    for number in range(200):
        write_recording(folder, f"{number}.json", chat(f"{number}"), completion())
    write_recording(folder, "a.json", REQUEST, completion())
    with closing(Index(folder, NO_RULES, cache)) as index:
        assert paths_of(index) == ["a.json"]
        with closing(sqlite3.connect(database(cache))) as other:
            other.execute("DROP TABLE files")
        assert paths_of(index) == ["a.json"]
        assert len(index.paths()) == 201
        assert len(nearest(index)) == 201
    assert looked_up(folder, cache) == ["a.json"]


def test_without_a_place_for_it_the_index_is_in_memory(folder: Path, tmp_path: Path) -> None:
    write_recording(folder, "a.json", REQUEST, completion())
    (tmp_path / "file").touch()
    assert looked_up(folder, tmp_path / "file") == ["a.json"]
    assert looked_up(folder, None) == ["a.json"]


def test_two_share_an_index(folder: Path, cache: Path) -> None:
    with closing(Index(folder, NO_RULES, cache)) as one, closing(Index(folder, NO_RULES, cache)) as other:
        for number in range(5):
            path = write_recording(folder, f"{number}.json", REQUEST, completion())
            expected = [f"{n}.json" for n in range(number + 1)]
            assert paths_of(one) == paths_of(other) == expected
        path.unlink()
        assert paths_of(other) == paths_of(one) == expected[:-1]


def test_many_at_once_share_an_index(folder: Path, cache: Path) -> None:
    for number in range(30):
        write_recording(folder, f"{number:02}.json", REQUEST, completion())
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append(looked_up(folder, cache))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [[f"{number:02}.json" for number in range(30)]] * 6


# --- large folders ------------------------------------------------------------------------------------------------


@pytest.fixture
def large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that counts as large, though it has few files; some cannot be read."""
    monkeypatch.setattr(index_module, "_MANY_ROWS", 20)
    for number in range(60):
        write_recording(folder, f"{number % 3}/{number:02}.json", chat(f"{number}"), completion())
    for name in ("a.json", "2/b.json"):
        write_recording(folder, name, REQUEST, completion())
    (folder / "broken.json").write_text("{")
    (folder / "tool.json").write_text(json.dumps({"request": {"tool_name": "x"}, "response": {"body": 1}}))
    return folder


def test_the_index_of_a_large_folder_is_made_by_another_process(
    large: Path, cache: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai_replay.store.index_rows.read_request", None)  # this process reads none
    for _ in range(2):
        caplog.clear()
        with closing(Index(large, NO_RULES, cache)) as index:
            assert paths_of(index) == ["2/b.json", "a.json"]
            assert len(index.paths()) == 62
            assert len(index.problems()) == 1
        [warning] = caplog.records
        assert "broken.json: expected JSON" in warning.getMessage()


def test_the_request_for_which_the_index_is_made_is_answered_first(
    large: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Index(large, NO_RULES, cache)) as index:
        early = index.rows(KEY, lambda: literals(REQUEST))
        assert [row.path for row in early] == ["2/b.json", "a.json"]
        assert caplog.records == []
        assert index.rows(KEY) == early
        assert index.rows(chat("7").identity.key)[0].path == "1/07.json"
        assert len(caplog.records) == 1


def test_changes_after_the_first_answer_count_at_once(large: Path, cache: Path) -> None:
    with closing(Index(large, NO_RULES, cache)) as index:
        assert len(index.rows(KEY, lambda: literals(REQUEST))) == 2
        write_recording(large, "0/c.json", REQUEST, completion())
        (large / "a.json").unlink()
        assert paths_of(index) == ["0/c.json", "2/b.json"]


def test_a_request_that_has_no_recording_waits_for_the_index(large: Path, cache: Path) -> None:
    request = chat("none")
    with closing(Index(large, NO_RULES, cache)) as index:
        assert index.rows(request.identity.key, lambda: literals(request)) == []
        assert len(index.problems()) == 1


def test_the_index_can_be_closed_while_it_is_made(large: Path, cache: Path) -> None:
    with closing(Index(large, NO_RULES, cache)) as index:
        assert len(index.rows(KEY, lambda: literals(REQUEST))) == 2
    assert looked_up(large, cache) == ["2/b.json", "a.json"]


def test_changes_to_a_large_folder_count_at_once(large: Path, cache: Path) -> None:
    with closing(Index(large, NO_RULES, cache)) as index:
        assert paths_of(index) == ["2/b.json", "a.json"]
        write_recording(large, "1/c.json", REQUEST, completion())
        (large / "a.json").unlink()
        assert paths_of(index) == ["1/c.json", "2/b.json"]
        write_recording(large, "1/c.json", chat("Another one"), completion())
        assert index.rows_after_full_check(KEY) == index.rows(KEY)
        assert paths_of(index) == ["2/b.json"]


@pytest.mark.parametrize("builder", ["store.names:not_there", "store.other_process:can_start"])
def test_a_large_folder_is_read_here_when_the_other_process_ends(
    large: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, builder: str
) -> None:
    monkeypatch.setattr(first_look, "BUILDER", builder)
    assert looked_up(large, cache) == ["2/b.json", "a.json"]


def test_a_large_folder_without_a_place_for_its_index_is_read_here(large: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert looked_up(large, tmp_path / "file") == ["2/b.json", "a.json"]
    assert looked_up(large, None) == ["2/b.json", "a.json"]


def test_a_process_that_is_killed_while_it_makes_the_index_breaks_nothing(
    large: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = OtherProcess.receive

    def killed_then(self: OtherProcess) -> object:
        result = receive(self)  # the first rows; it goes on with the index
        self.kill()
        return result

    with monkeypatch.context() as patched:
        patched.setattr(OtherProcess, "receive", killed_then)
        with closing(Index(large, NO_RULES, cache)) as index:
            assert len(index.rows(KEY, lambda: literals(REQUEST))) == 2
            assert paths_of(index) == ["2/b.json", "a.json"]
            assert index.rows(chat("7").identity.key)[0].path == "1/07.json"
    assert looked_up(large, cache) == ["2/b.json", "a.json"]


def test_processes_that_make_one_index_at_once_share_the_work(
    large: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def counted(job: Job) -> Iterator[Described]:
        counts.append(len(job.files))
        return describe_files(job)

    monkeypatch.setattr(index_module, "describe_files", counted)
    monkeypatch.setattr(first_look, "BUILDER", "")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: looked_up(large, cache), range(4)))
    assert results == [["2/b.json", "a.json"]] * 4
    assert sum(counts) == len(list(large.rglob("*.json")))


def test_an_index_is_not_in_the_folder_of_the_recordings(folder: Path, cache: Path) -> None:
    write_recording(folder, "a.json", REQUEST, completion())
    looked_up(folder, cache)
    assert [path.name for path in folder.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, Path("/c/openai-replay")),
        ({"LOCALAPPDATA": "/l"}, Path("/l/openai-replay")),
        ({"HOME": "/h", "XDG_CACHE_HOME": ""}, Path("/h/.cache/openai-replay")),
        ({}, None),
    ],
)
def test_caches_are_where_the_user_has_them(environment: dict[str, str], expected: Path | None) -> None:
    assert cache_folder(environment) == expected
