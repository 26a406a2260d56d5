"""`cassette_tests`: the test id of a cassette, from its path or from a pattern."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openai_replay.collection.cassette_tests import CassetteTests
from openai_replay.errors import BadOption


def id_of(path: Path, pattern: str | None) -> str | None:
    return CassetteTests([path], pattern).test_id_of(path)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_chat.py").write_text(
        "def test_ask(): ...\nclass TestIt:\n    def test_it(self): ...\n"
        "    class TestInner:\n        def test_deep(self): ...\n"
    )
    (tmp_path / "tests" / "test_other.py").write_text("def test_twice(): ...\n")
    (tmp_path / "tests" / "test_third.py").write_text("def test_twice(): ...\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "test_id"),
    [
        ("tests/cassettes/test_chat/test_ask[a.b].yaml", "tests/test_chat.py::test_ask[a.b]"),
        ("tests/cassettes/test_chat/TestIt.test_it.yaml", "tests/test_chat.py::TestIt::test_it"),
        (
            "tests/cassettes/test_chat/TestInner.test_deep.yaml",
            "tests/test_chat.py::TestIt::TestInner::test_deep",
        ),
        ("tests/cassettes/test_chat/TestGone.test_it.yaml", "tests/test_chat.py::TestGone::test_it"),
        ("tests/cassettes/test_ask[x].yaml.gz", "tests/test_chat.py::test_ask[x]"),
        ("tests/cassettes/test_ask[x/y/z].yaml", "tests/test_chat.py::test_ask[x/y/z]"),
        ("tests/cassettes/TestIt.test_it.yaml", "tests/test_chat.py::TestIt::test_it"),
        ("tests/cassettes/test_twice.yaml", "tests/cassettes/test_twice"),
        ("tests/cassettes/test_gone/test_ask.yaml", "tests/cassettes/test_gone/test_ask"),
        ("spec/cassettes/Chat/says_hello.yml", "spec/cassettes/Chat/says_hello"),
        ("gpt-4.1.yaml", "gpt-4.1"),
        ("recordings/says hello_1/recording.har", "recordings/says hello_1/recording"),
    ],
)
def test_the_path_tells_the_test(project: Path, path: str, test_id: str) -> None:
    assert id_of(Path(path), None) == test_id
    assert id_of(project / path, None) == test_id


@pytest.mark.parametrize(
    ("named", "test_ids"),
    [
        (["one/cassettes"], ["cassettes/a", "cassettes/b/a"]),
        (["one/cassettes/a.yaml", "one/cassettes/b/a.yaml"], ["cassettes/a", "cassettes/b/a"]),
        (["one/cassettes", "two/cassettes"], ["one/cassettes/a", "one/cassettes/b/a"]),
        (["one/cassettes/a.yaml"], ["cassettes/a", "cassettes/b/a"]),
        (["."], ["elsewhere/one/cassettes/a", "elsewhere/one/cassettes/b/a"]),
    ],
)
def test_a_cassette_elsewhere_has_its_path_from_the_folder_around_all(
    tmp_path_factory: pytest.TempPathFactory, named: list[str], test_ids: list[str]
) -> None:
    elsewhere = tmp_path_factory.mktemp("x") / "elsewhere"
    for folder in ("one/cassettes/b", "two/cassettes"):
        (elsewhere / folder).mkdir(parents=True)
    tests = CassetteTests([elsewhere / name for name in named], None)
    assert [tests.test_id_of(elsewhere / f"one/cassettes/{name}.yaml") for name in ("a", "b/a")] == test_ids


def test_a_cassette_that_is_outside_of_all_folders_has_its_whole_path() -> None:
    assert CassetteTests([Path("/a/b")], None).test_id_of(Path("/c/d.yaml")) == "c/d"


def test_no_two_cassettes_share_a_guessed_id(project: Path) -> None:
    paths = [
        "tests/cassettes/test_ask.json",
        "tests/cassettes/test_ask.yaml",
        "tests/cassettes/test_ask.yaml.gz",
        "tests/cassettes/test_chat/test_ask.yaml",
    ]
    tests = CassetteTests([project], None)
    assert [tests.test_id_of(project / path) for path in (*paths, paths[2])] == [
        "tests/test_chat.py::test_ask",
        "tests/cassettes/test_ask",
        "tests/cassettes/test_ask.yaml.gz",
        "tests/cassettes/test_chat/test_ask",
        "tests/cassettes/test_ask.yaml.gz",
    ]


def test_a_pattern_may_give_all_cassettes_one_id(project: Path) -> None:
    tests = CassetteTests([project], "one")
    assert [tests.test_id_of(project / name) for name in ("a.yaml", "b.yaml")] == ["one", "one"]


@pytest.mark.parametrize(
    ("pattern", "test_id"),
    [
        ("", None),
        ("one", "one"),
        ("t/{folder}.py::{name}", "t/test_chat.py::test_ask"),
        ("{path}", "x/test_chat/test_ask"),
    ],
)
def test_a_pattern_comes_before_the_path(pattern: str, test_id: str | None) -> None:
    assert id_of(Path("x/test_chat/test_ask.yaml"), pattern) == test_id


@pytest.mark.parametrize("pattern", ["tests/{nme}", "{}", "{name}{Path}"])
def test_an_unknown_placeholder_is_refused(pattern: str) -> None:
    with pytest.raises(BadOption, match=r"expected \{name\}, \{folder\}, \{path\}, got \{"):
        CassetteTests([], pattern)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pytest.ini", ""),
        (".pytest.ini", ""),
        ("pytest.toml", ""),
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("tox.ini", "[pytest]\n"),
        ("setup.cfg", "[tool:pytest]\naddopts = -q %\n"),
    ],
)
@pytest.mark.parametrize("folder", [".", "tests", "tests/cassettes", ".."])
def test_the_id_is_relative_to_the_rootdir_of_pytest_wherever_the_import_runs(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, folder: str
) -> None:
    (project / name).write_text(content)
    cassettes = project / "tests" / "cassettes" / "test_chat"
    cassettes.mkdir(parents=True)
    (cassettes / "pyproject.toml").write_text("[project]\n")
    (cassettes / "tox.ini").write_text("[pytest")
    monkeypatch.chdir(project / folder)
    cassette = Path(os.path.relpath(cassettes / "test_ask.yaml"))
    assert id_of(cassette, None) == "tests/test_chat.py::test_ask"
    assert id_of(cassettes / "other.yaml", None) == "tests/test_chat.py::other"
