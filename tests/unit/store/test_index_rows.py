"""`index_rows`: a file is described alike in this process and in helpers, from its request alone."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from openai_replay.errors import BadRecording
from openai_replay.format.recording import decode
from openai_replay.request.ignoring import ignore_rules
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store import index_rows
from openai_replay.store.index import signature_of
from openai_replay.store.index_rows import Described, Job, Search, describe_files, read_request, search_files
from unit.exchanges import NO_RULES, chat, completion, write_recording


def job(folder: Path, rules: Rules = NO_RULES) -> Job:
    paths = sorted(folder.rglob("*.json"))
    return Job(
        folder, rules, [(path.relative_to(folder).as_posix(), signature_of(path.stat())) for path in paths]
    )


def described(of: Job) -> Described:
    """Return all parts of a description as one, its rows in the order of their paths."""
    parts = list(describe_files(of))
    rows = sorted(row for part in parts for row in part.rows)
    problems = [problem for part in parts for problem in part.problems]
    return Described(
        rows, sorted(problems), {leaf: text for part in parts for leaf, text in part.texts.items()}
    )


def filled(folder: Path) -> None:
    for number in range(40):
        write_recording(folder, f"{number}.json", chat(f"Tell me of {number}"), completion(), test_id="t")
    write_recording(folder, "sub/x.json", chat('"response": {', user="\ud800"), completion())
    (folder / "broken.json").write_text("{")
    (folder / "tool.json").write_text(json.dumps({"request": {"tool_name": "x"}, "response": {"body": 1}}))


def test_helper_processes_describe_as_this_process_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(folder)
    rules = Rules(ignore_rules([r"messages[*].content=\d", "@reference"]), redactor(["x+"]))
    here = described(job(folder, rules))
    monkeypatch.setattr(index_rows, "_FEWEST_FOR_PROCESSES", 1)

    assert described(job(folder, rules)) == here
    assert len(here.rows) == 43


def test_without_helpers_the_files_are_described_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(folder)
    here = described(job(folder))
    monkeypatch.setattr(index_rows, "_FEWEST_FOR_PROCESSES", 1)
    monkeypatch.setattr(sys, "executable", "/nothing/here")
    assert described(job(folder)) == here


@pytest.mark.parametrize("helper", ["store.names:not_there", "store.other_process:can_start"])
def test_files_are_described_all_the_same_when_helpers_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, helper: str
) -> None:
    filled(folder)
    here = described(job(folder))
    monkeypatch.setattr(index_rows, "_FEWEST_FOR_PROCESSES", 1)
    monkeypatch.setattr(index_rows, "_FILES_AT_A_TIME", 5)
    monkeypatch.setattr(index_rows, "_HELPER", helper)
    assert described(job(folder)) == here


def test_files_are_searched_alike_here_and_in_helpers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(folder)
    (folder / "escaped.json").write_text('"\\u0054ell me"')
    (folder / "gone.json").symlink_to(folder / "nowhere")
    files = [(path.name, (0, 0, 0)) for path in folder.glob("*.json")]
    search = Search(folder, sorted(files), (b"Tell me of 1", b"gpt"))
    here = search_files(search)
    assert [path for path, _ in here] == [
        *sorted(f"{number}.json" for number in (1, *range(10, 20))),
        "escaped.json",
    ]
    monkeypatch.setattr(index_rows, "_FEWEST_FOR_PROCESSES", 1)
    monkeypatch.setattr(index_rows, "_FILES_AT_A_TIME", 5)
    assert search_files(search) == here


def test_secrets_in_lines_that_differ_are_all_found(folder: Path) -> None:
    secret = "sk-proj-0123456789abcdefABCDEF0123"
    for number, text in enumerate(["same", f"same {secret}", "same", f"{secret} other"]):
        write_recording(folder, f"{number}.json", chat("x" * 300, user=text), completion())
    for part in describe_files(job(folder)):
        assert len(part.rows) == 4
        assert secret.encode() not in repr(part).encode()


def test_a_file_that_went_away_has_no_row(folder: Path) -> None:
    gone = write_recording(folder, "a.json", chat("x"), completion())
    of_all = job(folder)
    gone.unlink()
    assert described(of_all) == Described()


def test_the_request_is_read_alike_with_and_without_the_response(folder: Path) -> None:
    filled(folder)
    for path in [folder / "0.json", folder / "sub" / "x.json"]:
        whole = decode(path.read_bytes(), path)
        assert read_request(path.read_bytes(), path) == (whole.test_id, whole.request)


LAYOUTS = {
    "compact": lambda value: json.dumps(value),
    "other indents": lambda value: json.dumps(value, indent=1),
    "the response first": lambda value: json.dumps(dict(reversed(value.items())), indent=2) + "\n",
    "no test id": lambda value: json.dumps({"request": value["request"], "response": {}}, indent=2) + "\n",
    "a response in the request": lambda value: (
        json.dumps({"x": {"request": {}, "response": {"body": 1}}, **value}, indent=1) + "\n"
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_of_other_layouts_are_read_whole(folder: Path, layout: str) -> None:
    path = write_recording(folder, "a.json", chat("x"), completion(), test_id="t")
    value = json.loads(path.read_bytes())
    value["response"]["body"] = {"a": 1}
    text = LAYOUTS[layout](value)
    if layout == "no test id":
        text = text.replace('"response": {}', '"response": {"body": 1}')
    whole = decode(text.encode(), path)
    assert read_request(text.encode(), path) == (whole.test_id, whole.request)


def test_a_file_that_was_cut_off_cannot_be_read(folder: Path) -> None:
    path = write_recording(folder, "a.json", chat("x"), completion())
    for length in range(0, os.path.getsize(path) - 1, 7):
        with pytest.raises(BadRecording):
            read_request(path.read_bytes()[:length], path)
