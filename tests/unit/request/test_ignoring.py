"""`ignoring`: what a rule names is left out, and nothing else."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given

from openai_replay.errors import BadOption
from openai_replay.format.recording import JSON
from openai_replay.request.ignoring import ignore_rule
from unit.exchanges import JSON_VALUES

BODY: dict[str, JSON] = {
    "user": "u-1",
    "metadata": {"run_id": "a", "x": 1},
    "messages": [
        {"role": "system", "content": "On 2024-03-03."},
        {"role": "user", "content": ["2024-03-04", {"t": "2024-01-01"}]},
    ],
    "0": "zero",
}

CASES: dict[str, JSON] = {
    "user": {name: item for name, item in BODY.items() if name != "user"},
    "metadata.run_id": {**BODY, "metadata": {"x": 1}},
    "metadata.*": {**BODY, "metadata": {}},
    "*": {},
    "messages[0]": {**BODY, "messages": [{"role": "user", "content": ["2024-03-04", {"t": "2024-01-01"}]}]},
    "messages[*]": {**BODY, "messages": []},
    "messages.*": {**BODY, "messages": []},
    "messages[*].content": {**BODY, "messages": [{"role": "system"}, {"role": "user"}]},
    "messages[1].content[0]": {
        **BODY,
        "messages": [
            {"role": "system", "content": "On 2024-03-03."},
            {"role": "user", "content": [{"t": "2024-01-01"}]},
        ],
    },
    r"messages[*].content=\d{4}-\d\d-\d\d": {
        **BODY,
        "messages": [
            {"role": "system", "content": "On __IGNORED__."},
            {"role": "user", "content": ["__IGNORED__", {"t": "__IGNORED__"}]},
        ],
    },
    "user=^u-": {**BODY, "user": "__IGNORED__1"},
    "user=a=b": BODY,
    "0": {name: item for name, item in BODY.items() if name != "0"},
    "[0]": {name: item for name, item in BODY.items() if name != "0"},
    "nothing.here": BODY,
    "messages[7].content": BODY,
    "messages.content": BODY,
    "metadata.x.y": BODY,
    "metadata.x=1": BODY,
}


@pytest.mark.parametrize(("rule", "rest"), CASES.items(), ids=CASES)
def test_a_rule_leaves_out_what_it_names(rule: str, rest: JSON) -> None:
    before = copy.deepcopy(BODY)

    assert ignore_rule(rule).apply(BODY) == rest
    assert before == BODY


@given(JSON_VALUES)
def test_a_rule_takes_any_body(body: JSON) -> None:
    before = copy.deepcopy(body)
    for rule in ("a.b", "*", "[*].a", "*=.", "[0][1]=x"):
        ignore_rule(rule).apply(body)
    assert before == body


@pytest.mark.parametrize(
    ("rule", "position"),
    [("", 1), (" ", 1), ("a..b", 2), ("a[x]", 2), ("a[-1]", 2), ("a[0", 2), ("a.", 2), ("=x", 1)],
)
def test_what_is_no_path_is_refused_with_the_place(rule: str, position: int) -> None:
    with pytest.raises(BadOption) as caught:
        ignore_rule(rule)

    assert str(caught.value) == (
        f"recording_ignore={rule!r}: expected a path such as metadata.run_id or messages[*].content, "
        f"stopped at character {position}"
    )


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(BadOption) as caught:
        ignore_rule("user=[")

    assert str(caught.value) == (
        "recording_ignore='user=[': expected a regular expression after '=', "
        "unterminated character set at position 0"
    )
