"""`ignoring`: the place that a rule names is left out, and nothing else."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given

from openai_replay.errors import BadOption
from openai_replay.format.recording import JSON
from openai_replay.request.ignoring import ignore_rule, ignore_rules
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


NAMED: dict[str, JSON] = {"app.version": 1, 'a"]b': 2, "x=y": 3, "*": 4, "": 5, "\u00fc": 6, "[0]": {"a": 7}}


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        ('["app.version"]', "app.version"),
        (r'["a\"]b"]', 'a"]b'),
        ('["x=y"]', "x=y"),
        ('["*"]', "*"),
        ('[""]', ""),
        (r'["\u00fc"]', "\u00fc"),
        ('["[0]"]', "[0]"),
    ],
)
def test_a_member_name_in_quotes_may_hold_anything(rule: str, gone: str) -> None:
    rest = {name: item for name, item in NAMED.items() if name != gone}
    assert ignore_rule(rule).apply(NAMED) == rest
    assert ignore_rule(f"metadata{rule}").apply({"metadata": NAMED}) == {"metadata": rest}


def test_a_path_goes_on_behind_a_name_in_quotes() -> None:
    assert ignore_rule('["[0]"].a').apply({"[0]": {"a": 7, "b": 8}}) == {"[0]": {"b": 8}}
    assert ignore_rule('["x.y"]=^a=').apply({"x.y": "a=b"}) == {"x.y": "__IGNORED__b"}


PRESETS: dict[str, tuple[str, JSON, JSON]] = {
    "uuid": ("@uuid", ["x 0f0e0d0c-1111-4222-8333-444455556666."], ["x __IGNORED__."]),
    "an upper-case uuid": ("@uuid", {"a": "0F0E0D0C-1111-4222-8333-444455556666"}, {"a": "__IGNORED__"}),
    "no uuid": ("@uuid", "a0f0e0d0c-1111-4222-8333-444455556666", "a0f0e0d0c-1111-4222-8333-444455556666"),
    "a day": ("@date", "Today is 2026-11-25.", "Today is __IGNORED__."),
    "a time": ("@date", "2026-11-25T21:05:11.123Z", "__IGNORED__"),
    "an offset": ("@date", "at 2026-11-25 21:05:11 +01:00!", "at __IGNORED__!"),
    "of the web": ("@date", "Wed, 25 Nov 2026 21:05:11 GMT", "__IGNORED__"),
    "in English": ("@date", "November 25, 2026 at 9:05 PM", "__IGNORED__"),
    "with its weekday": (
        "@date",
        "Today is Thursday, November 26, 2026. Tues 2026-11-24; Sat 11/28/2026",
        "Today is __IGNORED__. __IGNORED__; __IGNORED__",
    ),
    "times alone": ("@date", "9:05 pm, 21:05:11, 9:05:11.5 a.m.", "__IGNORED__, __IGNORED__, __IGNORED__"),
    "no date": (
        "@date",
        "1.2.3, 10-20-30, 12:30, 12:30 ample, on Monday",
        "1.2.3, 10-20-30, 12:30, 12:30 ample, on Monday",
    ),
    "Codex's metadata": (
        "@codex",
        {"input": [{"type": "m", "internal_chat_message_metadata_passthrough": {"turn_id": "a"}}]},
        {"input": [{"type": "m"}]},
    ),
    "Codex's ids": ("@codex", {"input": [{"id": "a", "type": "m"}]}, {"input": [{"type": "m"}]}),
    "Codex's folder": (
        "@codex",
        {"input": [{"content": [{"text": "<cwd>/tmp/x</cwd>\n<shell>sh</shell>"}]}]},
        {"input": [{"content": [{"text": "__IGNORED__\n<shell>sh</shell>"}]}]},
    ),
    "Codex's times": (
        "@codex",
        {"input": [{"output": "Chunk ID: 0a1b\nWall time: 0.05 seconds\nok"}]},
        {"input": [{"output": "__IGNORED__\n__IGNORED__\nok"}]},
    ),
    "the reference": (
        "@reference",
        {"a": "score: 3", "b": 0.1234567},
        {"a": "score: __NORMALIZED__", "b": 0.12346},
    ),
}


@pytest.mark.parametrize(("preset", "body", "rest"), PRESETS.values(), ids=PRESETS)
def test_a_preset_leaves_out_what_it_says(preset: str, body: JSON, rest: JSON) -> None:
    for rule in ignore_rules([preset]):
        assert rule.text == preset
        body = rule.apply(body)
    assert body == rest


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(BadOption) as caught:
        ignore_rules(["user", "@guid"])

    assert str(caught.value) == (
        "recording_ignore='@guid': expected a path or one of @uuid, @date, @codex, @reference"
    )


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


@pytest.mark.parametrize(
    ("rule", "path", "goes"),
    [
        ("metadata.run_id", "metadata", True),
        ("a[*].b.c", "a[3].b", True),
        ("a.b.c", "a", True),
        ("metadata", "metadata", False),
        ("metadata.run_id", "meta", False),
        ("a[1].b", "a[2]", False),
        ("metadata.run_id=x", "metadata", False),
    ],
)
def test_a_rule_goes_into_the_values_above_its_own(rule: str, path: str, goes: object) -> None:
    assert ignore_rule(rule).goes_into(path) is goes
