"""A recording that is changed, added or removed while the proxy runs counts for the next request."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, answer_in_turn, said
from support.proxy import proxy
from support.requests import chat_body

# How a request is found: by the name of its file, or by the content of a file that a person has named.
PLACES = ("named by its hash", "named by a person", "in a subfolder", "in a subfolder of a subfolder")


@dataclass
class Rig:
    """A proxy that replays a folder, and the text of a recording that a request can be put into."""

    folder: Path
    client: BaseURL
    template: str
    hash_name: str

    def text(self, question: str, answer: str) -> str:
        """Return the text of a recording of `question`."""
        recording = json.loads(self.template)
        recording["request"]["body"] = chat_body(question)
        recording["response"]["body"]["__data__"]["said"] = answer
        return json.dumps(recording, indent=2)

    def asked(self, question: str) -> str:
        """Return the answer to a question."""
        return said(self.client.send(chat_body(question)))


@pytest.fixture(scope="module")
def running_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    top = tmp_path_factory.mktemp("edits")
    folder = top / "recordings"
    options = (f"recording_dir={folder}",)
    with Upstream() as upstream:
        answer_in_turn(upstream, "as recorded")
        with proxy(top, "recording_mode=record", *options, upstream=upstream, mode=REVERSE) as running:
            with BaseURL(running) as client:
                assert client.send(chat_body("question")).status == 200
    recorded = next(folder.glob("*.json"))
    template, name = recorded.read_text(), recorded.name
    recorded.unlink()
    with proxy(top, *options, mode=REVERSE) as running, BaseURL(running) as client:
        yield Rig(folder, client, template, name)


@pytest.fixture
def rig(running_rig: Rig) -> Iterator[Rig]:
    yield running_rig
    for path in running_rig.folder.rglob("*.json"):
        path.unlink()


def path_of(rig: Rig, place: str) -> Path:
    """Return a path at the place; the request is "question", whose hash is known."""
    name = {
        "named by its hash": rig.hash_name,
        "named by a person": "greeting.json",
        "in a subfolder": "weather/today.json",
        "in a subfolder of a subfolder": "weather/europe/today.json",
    }[place]
    path = rig.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_in_place(path: Path, text: str) -> None:
    """Write as an editor does that keeps the file."""
    path.write_text(text)


def write_beside_and_rename(path: Path, text: str) -> None:
    """Write as an editor does that replaces the file, and as git does."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    os.replace(beside, path)


WRITERS = (write_in_place, write_beside_and_rename)
type Writer = Callable[[Path, str], None]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("place", PLACES)
def test_added_changed_and_removed_count_at_once(rig: Rig, place: str, write: Writer) -> None:
    path = path_of(rig, place)
    assert rig.asked("question") == "miss"
    write(path, rig.text("question", "one"))
    assert [rig.asked("question") for _ in range(2)] == ["one", "one"]
    write(path, rig.text("question", "two"))
    assert [rig.asked("question") for _ in range(2)] == ["two", "two"]
    write(path, rig.text("question", "and now a longer one"))
    assert rig.asked("question") == "and now a longer one"
    path.unlink()
    assert [rig.asked("question") for _ in range(2)] == ["miss", "miss"]
    write(path, rig.text("question", "three"))
    assert rig.asked("question") == "three"


@pytest.mark.parametrize("place", PLACES)
def test_many_edits_right_after_one_another_all_count(rig: Rig, place: str) -> None:
    """Of the same length, in the same file: nothing but its time tells them apart."""
    path = path_of(rig, place)
    for number in range(100, 140):
        write_in_place(path, rig.text("question", str(number)))
        assert rig.asked("question") == str(number)


@pytest.mark.parametrize("place", PLACES)
def test_a_file_whose_request_is_changed_answers_the_other_request(rig: Rig, place: str) -> None:
    path = path_of(rig, place)
    write_in_place(path, rig.text("question", "one"))
    assert (rig.asked("question"), rig.asked("other")) == ("one", "miss")
    write_in_place(path, rig.text("other", "one"))
    assert (rig.asked("question"), rig.asked("other")) == ("miss", "one")


def test_a_moved_file_is_found_where_it_is(rig: Rig) -> None:
    path = path_of(rig, "named by its hash")
    write_in_place(path, rig.text("question", "one"))
    assert rig.asked("question") == "one"
    for place in (*PLACES[1:], PLACES[0]):
        path = path.rename(path_of(rig, place))
        assert rig.asked("question") == "one", place


def test_a_removed_file_leaves_the_others_of_its_request(rig: Rig) -> None:
    for name in ("a", "b"):
        write_in_place(rig.folder / f"{name}.json", rig.text("question", name))
    assert rig.asked("question") == "a"
    (rig.folder / "a.json").unlink()
    assert rig.asked("question") == "b"


def test_a_proper_name_comes_before_a_file_found_by_its_content(rig: Rig) -> None:
    write_in_place(rig.folder / "a.json", rig.text("question", "by content"))
    assert rig.asked("question") == "by content"
    write_in_place(path_of(rig, "named by its hash"), rig.text("question", "by name"))
    assert rig.asked("question") == "by name"


def test_a_broken_edit_is_an_error_of_its_own_request_until_it_is_mended(rig: Rig) -> None:
    path = path_of(rig, "named by its hash")
    write_in_place(path, rig.text("question", "one"))
    write_in_place(rig.folder / "other.json", rig.text("other", "fine"))
    assert rig.asked("question") == "one"
    write_in_place(path, rig.text("question", "one")[:-30])
    broken = rig.client.send(chat_body("question"))
    assert (broken.status, broken.json()["error"]["code"]) == (400, "recording_unreadable")
    assert rig.asked("other") == "fine"
    write_in_place(path, rig.text("question", "two"))
    assert rig.asked("question") == "two"


def test_a_folder_that_is_taken_away_and_put_back_counts(rig: Rig, tmp_path: Path) -> None:
    write_in_place(path_of(rig, "in a subfolder"), rig.text("question", "one"))
    assert rig.asked("question") == "one"
    away = (rig.folder / "weather").rename(tmp_path / "weather")
    assert rig.asked("question") == "miss"
    away.rename(rig.folder / "weather")
    assert rig.asked("question") == "one"
