"""Test ids that stand for other test ids."""

from collections.abc import Callable
from pathlib import Path

import pytest

from openai_replay.service.aliases import PREFIX, Aliases, SharedAliases, is_alias

KINDS: dict[str, Callable[[Path], Aliases]] = {"alone": lambda _: Aliases(), "shared": SharedAliases}


@pytest.fixture(params=KINDS)
def aliases(request: pytest.FixtureRequest, tmp_path: Path) -> Aliases:
    """The aliases of a process alone, and of one of several."""
    return KINDS[request.param](tmp_path)


def test_an_alias_stands_for_one_test_at_a_time_and_for_none_in_between(aliases: Aliases) -> None:
    alias = f"{PREFIX}1"
    assert aliases.resolve(alias) is None
    for test_id in ("a", "b/../c", "\ud800"):
        aliases.set(alias, test_id)
        assert aliases.resolve(alias) == test_id
    aliases.set(alias, None)
    aliases.set(alias, None)
    assert aliases.resolve(alias) is None


def test_other_test_ids_are_themselves(aliases: Aliases) -> None:
    aliases.set(f"{PREFIX}1", "a")
    assert aliases.resolve("tests/a.py::b") == "tests/a.py::b"
    assert aliases.resolve(None) is None
    assert [is_alias(one) for one in (f"{PREFIX}1", "tests/a.py::b", None)] == [True, False, False]


def test_each_process_knows_the_latest_word_of_any_other(tmp_path: Path) -> None:
    processes = [SharedAliases(tmp_path) for _ in range(3)]
    for number, teller in enumerate([*processes, *processes]):
        test_id = f"test {number}" if number % 2 else None
        teller.set(f"{PREFIX}1", test_id)
        assert [process.resolve(f"{PREFIX}1") for process in processes] == [test_id] * 3


def test_without_the_common_folder_an_alias_counts_in_its_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    aliases = SharedAliases(tmp_path / "gone")
    aliases.set(f"{PREFIX}1", "a")
    assert aliases.resolve(f"{PREFIX}1") == "a"
    assert "The workers' common folder cannot be used" in caplog.text
