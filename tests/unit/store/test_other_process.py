"""`other_process`: functions of the package run in another process, and one that fails gives None."""

from __future__ import annotations

import sys

import pytest

from openai_replay.store import other_process
from openai_replay.store.other_process import OtherProcess


def test_one_process_takes_several_calls_and_fails_with_the_first_bad_one() -> None:
    helper = OtherProcess("store.index_rows:help_out")
    try:
        assert [helper.call((len, range(n))) for n in range(3)] == [[0], [1], [2]]
        assert helper.call((len, 1)) is None
        assert helper.call((len, ())) is None
    finally:
        helper.close()


def test_without_an_interpreter_each_call_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nothing/here")
    helper = OtherProcess("store.index_rows:help_out")
    assert helper.call(1) is None
    helper.close()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("executable", sys.executable, True), ("executable", "", False), ("frozen", True, False)],
)
def test_a_process_can_be_started_where_this_program_is_python(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, expected: bool
) -> None:
    monkeypatch.setattr(sys, name, value, raising=False)
    assert other_process.can_start() is expected
