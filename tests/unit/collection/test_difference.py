"""`difference`: recordings compared by their texts, and paired by path or else by likeness."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openai_replay.collection.difference import Difference, differences, title
from openai_replay.collection.sides import side_of
from support.proxy import ROOT

STREAM = "1ffb4de28dece530b471377e8ce633684bab6b1ae50cfa31c8277a5b463f657c.json"
WEATHER = "dcb00eb0c6da7dd1c282b5cef3159eac1814f4a8254f9e0c82c0b6e0168b932f.json"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("old", "new"):
        shutil.copytree(ROOT / "recordings", tmp_path / name)
    return tmp_path / "old", tmp_path / "new"


def edit(path: Path, change: Callable[[Any], object]) -> None:
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value))


def compared(folders: tuple[Path, Path]) -> list[Difference]:
    old, new = folders
    return [*differences(side_of(str(old), old), side_of(str(new), new))]


def say(value: Any, old: str, new: str) -> None:
    for chunk in value["response"]["body"]:
        for choice in chunk["__data__"]["choices"]:
            delta = choice["delta"]
            delta["content"] = delta["content"] and delta["content"].replace(old, new)


def test_equal_folders_have_no_differences_however_they_are_written(folders: tuple[Path, Path]) -> None:
    edit(folders[1] / STREAM, lambda value: None)  # other white space
    assert compared(folders) == []


def test_ids_padding_and_times_are_no_difference(folders: tuple[Path, Path]) -> None:
    def change(value: Any) -> None:
        for chunk in value["response"]["body"]:
            chunk["__data__"] |= {"id": "chatcmpl-2", "created": 7, "obfuscation": "xyz"}

    edit(folders[1] / STREAM, change)
    assert compared(folders) == []


def test_a_changed_answer_is_shown_as_text(folders: tuple[Path, Path]) -> None:
    edit(folders[1] / STREAM, lambda value: say(value, "today", "tomorrow"))
    [difference] = compared(folders)
    assert title(difference) == f"{STREAM[:12]}….json"
    changed = [line for line in difference.lines if line.startswith(("+", "-"))]
    assert changed == [
        "-assistant: Hello! How can I assist you today?",
        "+assistant: Hello! How can I assist you tomorrow?",
    ]


def test_a_changed_prompt_is_found_under_its_new_name(folders: tuple[Path, Path]) -> None:
    _, new = folders
    edit(
        new / WEATHER,
        lambda value: value["request"]["body"]["messages"][0].update(content="The weather in Rome?"),
    )
    (new / WEATHER).rename(new / f"{'e' * 64}.json")
    [difference] = compared(folders)
    assert (difference.before, difference.after) == (WEATHER, f"{'e' * 64}.json")
    changed = [line for line in difference.lines if line.startswith(("+", "-"))]
    assert changed == ["-user: What is the weather in Paris?", "+user: The weather in Rome?"]


def test_a_recording_of_one_side_is_shown_whole(folders: tuple[Path, Path]) -> None:
    old, new = folders
    (new / WEATHER).unlink()
    [difference] = compared(folders)
    assert title(difference) == f"only before: {WEATHER[:12]}….json"
    assert all(line.startswith("-") for line in difference.lines)
    [difference] = compared((new, old))
    assert title(difference) == f"only after: {WEATHER[:12]}….json"


def test_places_that_no_text_shows_are_named(folders: tuple[Path, Path]) -> None:
    def change(value: Any) -> None:
        value["response"]["body"][0]["__data__"]["service_tier"] = "priority"

    edit(folders[1] / STREAM, change)
    [difference] = compared(folders)
    assert difference.lines == [
        "the texts are equal; these differ: $.response.body[0].__data__.service_tier",
    ]


def test_files_of_any_name_are_compared_with_each_other(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    shutil.copy(folders[0] / STREAM, one)
    shutil.copy(folders[0] / STREAM, other)
    edit(other, lambda value: say(value, "Hello", "Bye"))
    [difference] = differences(side_of(str(one), tmp_path), side_of(str(other), tmp_path))
    assert title(difference) == "a.json -> b.json"
    other.write_text("{")
    [difference] = differences(side_of(str(one), tmp_path), side_of(str(other), tmp_path))
    assert difference.lines[-1].startswith("+[expected JSON, ")


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (b"one\ntwo\n", b"one\nthree\n", ["@@ -1,2 +1,2 @@", " one", "-two", "+three"]),
        (b"\xff\x00", b"\xff\x00\x01", ["another body of 3 bytes, was 2"]),
    ],
)
def test_a_body_beside_a_recording_is_compared(
    folders: tuple[Path, Path], before: bytes, after: bytes, lines: list[str]
) -> None:
    old, new = folders
    for folder, content in ((old, before), (new, after)):
        (folder / "said.mp3").write_bytes(content)
        (folder / "same.mp3").write_bytes(b"same")
        (folder / "README.md").write_bytes(content)
        (folder / ".hidden").write_bytes(content)
    assert compared(folders) == [Difference("said.mp3", "said.mp3", lines)]
    for folder in folders:
        for path in folder.glob("*.json"):
            path.unlink()
    assert [difference.before for difference in compared(folders)] == ["said.mp3"]
