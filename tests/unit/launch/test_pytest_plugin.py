"""The words of the pytest plugin; tests/e2e/test_pytest_plugin runs it."""

from openai_replay.launch.pytest_plugin import _not_recorded


def test_exchanges_that_were_not_recorded_are_named_up_to_a_number() -> None:
    entries = [{"request": f"POST /v1/{number}", "reason": "why", "test_id": None} for number in range(22)]
    lines = _not_recorded(entries)  # type: ignore[arg-type]
    assert lines[0] == "not recorded: POST /v1/0: why"
    assert lines[-1] == "not recorded: 2 more"
    assert len(lines) == 21
