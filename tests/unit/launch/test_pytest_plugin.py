"""The words of the pytest plugin; tests/e2e/test_pytest_plugin runs it."""

from typing import Any

from openai_replay.launch.pytest_plugin import _explanation, _not_recorded


def miss(**more: Any) -> dict[str, Any]:
    request = "0123456789abcdef" * 4
    return {
        "test_id": "t",
        "times": 1,
        "method": "POST",
        "endpoint": "/v1/chat/completions",
        "request": request,
    } | more


def test_a_miss_names_the_nearest_recording_and_each_difference() -> None:
    difference = {"path": "messages[0].content", "recorded": '"a"', "asked": None}
    assert _explanation(miss(nearest="ab.json", differences=[difference])) == (
        "No recording for POST /v1/chat/completions (request 0123456789ab). The nearest is ab.json:\n"
        '    messages[0].content: recorded "a", asked nothing'
    )


def test_a_miss_without_a_recording_of_its_endpoint_says_so() -> None:
    assert _explanation(miss(nearest=None, differences=[], times=2)) == (
        "No recording for POST /v1/chat/completions (request 0123456789ab), 2 times. There is none of this endpoint."
    )


def test_a_miss_beyond_those_that_are_kept_is_a_request() -> None:
    assert _explanation({"test_id": None, "times": 1, "request": "a" * 64}) == (
        "No recording for request aaaaaaaaaaaa."
    )


def test_exchanges_that_were_not_recorded_are_named_up_to_a_number() -> None:
    entries = [{"request": f"POST /v1/{number}", "reason": "why", "test_id": None} for number in range(22)]
    lines = _not_recorded(entries)  # type: ignore[arg-type]
    assert lines[0] == "not recorded: POST /v1/0: why"
    assert lines[-1] == "not recorded: 2 more"
    assert len(lines) == 21
