"""`names`: each name that is written is read as it was meant, and other people's names do no harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.store import names

HASH = "0123456789abcdef" * 4
NUMBERS = st.integers(1, 10**6)
HOSTS = st.text(st.sampled_from("abz09.-:[]"), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("path", "base", "number"),
    [
        ("ab.json", "ab", 1),
        ("ab-2.json", "ab", 2),
        ("x/ab-10.json", "x/ab", 10),
        ("ab-1.json", "ab-1", 1),
        ("ab-02.json", "ab-02", 1),
        ("ab-cd.json", "ab-cd", 1),
        ("-2.json", "-2", 1),
        (f"models-{'0' * 64}-12345678.json", f"models-{'0' * 64}", 1),
        (f"x/models-{'0' * 64}-0123abcd.json", f"x/models-{'0' * 64}", 1),
    ],
)
def test_a_name_is_that_of_its_series_and_a_number(path: str, base: str, number: int) -> None:
    assert names.split_number(path) == (base, number)


@given(
    st.sampled_from(["", "sub/"]), st.just(HASH) | HOSTS.map(lambda host: names.at_host(HASH, host)), NUMBERS
)
def test_the_place_in_a_series_is_read_back(folder: str, stem: str, number: int) -> None:
    path = names.file_name(f"{folder}{names.numbered_stem(stem, number)}")

    assert names.split_number(path) == (f"{folder}{stem}", number)


def test_a_list_of_models_has_no_number() -> None:
    path = names.file_name(names.of_models(HASH, "00000002"))

    assert names.split_number(path) == (f"models-{HASH}", 1)


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20))
def test_a_temporary_name_tells_who_writes_and_is_no_recording(stem: str) -> None:
    name = names.temporary(names.file_name(stem))

    assert not names.is_recording(name)
    assert names.writer_of(name) == os.getpid()


@pytest.mark.parametrize(
    "name", [".gitignore", "a.json", ".a.tmp", "a.json.1.00000000.tmp", ".a.json.x.00000000.tmp"]
)
def test_other_names_have_no_writer(name: str) -> None:
    assert names.writer_of(name) is None


@pytest.mark.parametrize("name", [".a.json", "a.mp3", "a.json.tmp", "json"])
def test_other_files_are_no_recordings(name: str) -> None:
    assert not names.is_recording(name)
    assert names.is_recording("a.json")


@pytest.mark.parametrize(
    ("path", "short"),
    [
        (f"{HASH}.json", "0123456789ab….json"),
        (f"t/{HASH}-2.json", "t/0123456789ab…-2.json"),
        (f"models-{HASH}-12345678.json", "models-0123456789ab…-12345678.json"),
        ("greeting.json", "greeting.json"),
    ],
)
def test_a_shortened_name_means_its_recording(path: str, short: str) -> None:
    assert names.shortened(path) == short
    assert names.is_meant(path, short)
    assert names.is_meant(path, names.stem_of(short))
    assert not names.is_meant(f"x{path}", short)


def test_a_series_goes_on_after_a_gap(folder: Path) -> None:
    for name in ("a.json", "a-2.json", "a-5.json", "a-13.json", "a-30.json"):
        (folder / name).touch()
    paths = list(names.series(folder / "a.json"))

    assert [path.name for path in paths] == ["a.json", "a-2.json", "a-5.json", "a-13.json"]
    absent = [path.name for path in names.absent_from_series(paths)]
    assert absent == ["a-3.json", "a-4.json", *(f"a-{number}.json" for number in range(6, 13)), "a-14.json"]


def test_a_series_of_one_lacks_its_second(folder: Path) -> None:
    assert [path.name for path in names.absent_from_series([folder / "a.json"])] == ["a-2.json"]
