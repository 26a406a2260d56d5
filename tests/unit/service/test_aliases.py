"""Test ids that stand for other test ids."""

from openai_replay.service.aliases import PREFIX, Aliases


def test_an_alias_stands_for_one_test_at_a_time_and_for_none_in_between() -> None:
    aliases, alias = Aliases(), f"{PREFIX}1"
    assert aliases.resolve(alias) is None
    for test_id in ("a", "b"):
        aliases.set(alias, test_id)
        assert aliases.resolve(alias) == test_id
    aliases.set(alias, None)
    aliases.set(alias, None)
    assert aliases.resolve(alias) is None


def test_other_test_ids_are_themselves() -> None:
    aliases = Aliases()
    aliases.set(f"{PREFIX}1", "a")
    assert aliases.resolve("tests/a.py::b") == "tests/a.py::b"
    assert aliases.resolve(None) is None
