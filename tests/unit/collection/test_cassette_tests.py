"""`cassette_tests`: the test id of a cassette, from its path or from a pattern."""

from __future__ import annotations

from pathlib import Path

import pytest

from openai_replay.collection.cassette_tests import test_id_of as id_of


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_chat.py").write_text(
        "def test_ask(): ...\nclass TestIt:\n    def test_it(self): ...\n"
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
        ("tests/cassettes/test_ask[x].yaml.gz", "tests/test_chat.py::test_ask[x]"),
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


def test_a_cassette_elsewhere_has_the_end_of_its_path() -> None:
    assert id_of(Path("/elsewhere/a/b/c.yaml"), None) == "b/c"


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
