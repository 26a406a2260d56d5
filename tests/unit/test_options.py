"""`options`: a value that makes no sense is an error with the option, the given value and the allowed ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay import options
from openai_replay.errors import BadOption
from openai_replay.options import (
    OPTIONS,
    Mode,
    Option,
    Settings,
    default_values,
    environment_values,
    given_values,
    host_values,
    refuse_unknown,
    settings,
)
from openai_replay.options import MatchPolicy as Match


def checked(tmp_path: Path, **values: object) -> Settings:
    return settings({**default_values({}), "recording_dir": str(tmp_path), **values})


# --- defaults and the environment ---------------------------------------------------------------------------------


def test_the_defaults_replay_api_openai_com_from_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()

    result = settings(default_values({}))

    assert (result.mode, result.directory) == (Mode.REPLAY, tmp_path / "recordings")
    assert (result.test_id, result.test_match, result.ignore, result.report) == (None, Match.PREFER, (), None)
    assert result.is_recorded("api.openai.com", 443)


def test_each_option_comes_from_the_environment() -> None:
    environment = {
        "OPENAI_RECORDING_MODE": "record",
        "OPENAI_RECORDING_DIR": "/tmp/x",
        "OPENAI_RECORDING_HOSTS": "a.example, b.example:8080\tc.example",
        "OPENAI_RECORDING_TEST_ID": "tests/test_a.py::test_b",
        "OPENAI_RECORDING_TEST_MATCH": "require",
        "OPENAI_RECORDING_IGNORE": "user\nmessages[*].content=a, b\n",
        "OPENAI_RECORDING_REDACT": r"\d{3}",
        "OPENAI_RECORDING_REPORT": "",
        "OPENAI_API_KEY": "not ours",
    }
    assert default_values(environment) == {
        "recording_mode": "record",
        "recording_dir": "/tmp/x",
        "recording_hosts": ("a.example", "b.example:8080", "c.example"),
        "recording_test_id": "tests/test_a.py::test_b",
        "recording_test_match": "require",
        "recording_ignore": ("user", "messages[*].content=a, b"),
        "recording_redact": (r"\d{3}",),
        "recording_websocket": "record",
        "recording_report": "",
        "recording_other_hosts": "tunnel",
        "recording_ids": "normalised",
        "recording_replace": "failures",
        "recording_max_body": "268435456",
        "recording_timing": "false",
        "recording_pacing": "instant",
        "recording_faults": (),
        "recording_retry_after": "recorded",
        "recording_made_headers": (),
    }


def test_a_variable_with_the_name_of_the_project_is_misspelt_and_the_package_has_others() -> None:
    with pytest.raises(BadOption, match="OPENAI_REPLAY_FAULT: did you mean OPENAI_RECORDING_FAULTS"):
        environment_values({"OPENAI_REPLAY_FAULT": "rate_limit"})
    text = "".join(file.read_text() for file in Path(options.__file__).parent.rglob("*.py"))
    own = set(re.findall(r'"(OPENAI_REPLAY_\w+)"', text))
    assert len(own) >= 10
    assert environment_values(dict.fromkeys((*own, "OPENAI_REPLAY_VERSION"), "1")) == {}


def test_every_option_has_a_name_in_the_environment() -> None:
    assert [option.environment_name() for option in OPTIONS] == [f"OPENAI_{o.name.upper()}" for o in OPTIONS]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("OPENAI_RECORDING_MODUS", "did you mean OPENAI_RECORDING_MODE?"),
        ("OPENAI_RECORDING_HOST", "did you mean OPENAI_RECORDING_HOSTS?"),
        (
            "OPENAI_RECORDING_QQQQQQQQQQQQQQQQQQQQQQQQQ",
            "expected one of " + ", ".join(sorted(option.environment_name() for option in OPTIONS)),
        ),
    ],
)
def test_a_misspelt_variable_is_refused_with_what_was_meant(name: str, hint: str) -> None:
    with pytest.raises(BadOption) as caught:
        default_values({name: "x"})

    assert str(caught.value) == f"unknown environment variable {name}: {hint}"


def test_a_list_takes_each_value_of_the_command_line() -> None:
    pairs = [
        ("recording_ignore", "a"),
        ("recording_mode", "live"),
        ("confdir", "x"),
        ("recording_ignore", "b"),
    ]
    assert given_values(pairs) == {"recording_mode": "live", "recording_ignore": ("a", "b")}


@pytest.mark.parametrize("option", [option for option in OPTIONS if isinstance(option.default, str)])
def test_an_option_with_one_value_takes_one(option: Option) -> None:
    assert option.given(["a"]) == "a"
    for texts, got in [(["a", "b"], "'a', 'b'"), (["a", "a"], "'a', 'a'"), ([], "none")]:
        with pytest.raises(BadOption) as caught:
            option.given(texts)
        assert str(caught.value) == f"{option.name}: expected one value, got {got}"


def test_a_misspelt_option_is_refused_with_what_was_meant() -> None:
    with pytest.raises(
        BadOption, match=re.escape("unknown option recording_modee: did you mean recording_mode?")
    ):
        refuse_unknown(["recording_mode", "recording_modee"], [option.name for option in OPTIONS], "option")


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"recording_mode": "rekord"},
            "recording_mode='rekord': expected one of replay, record, record-if-missing, live",
        ),
        (
            {"recording_mode": "REPLAY"},
            "recording_mode='REPLAY': expected one of replay, record, record-if-missing, live",
        ),
        ({"recording_replace": "all"}, "recording_replace='all': expected one of failures, any"),
        ({"recording_ids": "keep"}, "recording_ids='keep': expected one of normalised, kept"),
        *(
            (
                {"recording_max_body": size},
                f"recording_max_body={size!r}: expected a number of bytes, such as 268435456",
            )
            for size in ("0", "-1", "1 MB", "1e6", "", "٣")
        ),
        ({"recording_test_match": ""}, "recording_test_match='': expected one of prefer, require"),
        ({"recording_dir": ""}, "recording_dir='': expected the folder of the recordings"),
        (
            {"recording_hosts": ()},
            "recording_hosts is empty: expected at least one host name, such as api.openai.com",
        ),
        ({"recording_hosts": "api.openai.com"}, "recording_hosts='api.openai.com': expected a list of texts"),
        ({"recording_test_id": 7}, "recording_test_id=7: expected a text"),
        ({"recording_ignore": 7}, "recording_ignore=7: expected a list of texts"),
        (
            {"recording_redact": ["("]},
            "recording_redact='(': expected a regular expression, missing ), unterminated subpattern at position 0",
        ),
        (
            {"recording_ignore": ["a["]},
            "recording_ignore='a[': expected a path such as metadata.run_id or messages[*].content, "
            "stopped at character 2",
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(
    tmp_path: Path, values: dict[str, object], message: str
) -> None:
    with pytest.raises(BadOption) as caught:
        checked(tmp_path, **values)

    assert str(caught.value) == message


def test_to_replay_the_folder_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "missing"

    with pytest.raises(BadOption) as caught:
        checked(tmp_path, recording_dir=str(missing))

    assert str(caught.value) == (
        f"recording_dir={str(missing)!r}: expected an existing folder to replay from, {missing} does not exist "
        "(record first, with recording_mode=record)"
    )


@pytest.mark.parametrize("mode", ["record", "record-if-missing", "live"])
def test_to_record_the_folder_may_be_missing(tmp_path: Path, mode: str) -> None:
    missing = tmp_path / "missing"
    assert checked(tmp_path, recording_dir=str(missing), recording_mode=mode).directory == missing


@pytest.mark.parametrize("mode", ["record", "record-if-missing"])
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc is a folder that root cannot write either")
def test_a_folder_that_cannot_be_written_is_refused_before_it_costs_a_recording(
    tmp_path: Path, mode: str
) -> None:
    with pytest.raises(BadOption) as caught:
        checked(tmp_path, recording_mode=mode, recording_dir="/proc/self/new/folder")
    assert str(caught.value) == (
        "recording_dir='/proc/self/new/folder': expected a folder that can be written, /proc/self cannot: "
        "permission denied"
    )
    assert checked(tmp_path, recording_mode="live", recording_dir="/proc/self").mode is Mode.LIVE
    assert checked(tmp_path, recording_mode="replay", recording_dir="/proc/self").mode is Mode.REPLAY
    assert checked(tmp_path, recording_mode=mode, recording_dir=str(tmp_path / "new" / "folder"))


@pytest.mark.parametrize("mode", ["replay", "record"])
def test_a_file_is_no_folder(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(BadOption) as caught:
        checked(tmp_path, recording_dir=str(file), recording_mode=mode)

    assert str(caught.value) == f"recording_dir={str(file)!r}: expected a folder, {file} is a file"


def test_the_report_goes_into_an_existing_folder(tmp_path: Path) -> None:
    assert checked(tmp_path, recording_report=str(tmp_path / "r.json")).report == tmp_path / "r.json"
    for wrong in (tmp_path, tmp_path / "missing" / "r.json"):
        with pytest.raises(BadOption) as caught:
            checked(tmp_path, recording_report=str(wrong))
        assert str(caught.value) == f"recording_report={str(wrong)!r}: expected a file in an existing folder"


def test_a_folder_may_begin_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checked(tmp_path, recording_dir="~").directory == tmp_path


# --- hosts --------------------------------------------------------------------------------------------------------

HOSTS = {
    "api.openai.com": (
        [("api.openai.com", 443), ("API.OpenAI.com.", 80)],
        [
            ("openai.com", 443),
            ("api.openai.com.evil.example", 443),
            ("xapi.openai.com", 443),
            ("apixopenai.com", 443),
        ],
    ),
    "*.openai.azure.com": (
        [("a.openai.azure.com", 443), ("a.b.openai.azure.com", 1)],
        [("openai.azure.com", 443), ("xopenai.azure.com", 443), (".openai.azure.com", 443)],
    ),
    "localhost:11434": ([("localhost", 11434)], [("localhost", 443)]),
    "[::1]:8080": ([("::1", 8080)], [("::1", 80), ("::2", 8080)]),
    " 127.0.0.1 ": ([("127.0.0.1", 1)], [("127.0.0.10", 1), ("127x0x0x1", 1)]),
}


@pytest.mark.parametrize(("pattern", "examples"), HOSTS.items(), ids=HOSTS)
def test_a_pattern_names_hosts(
    tmp_path: Path, pattern: str, examples: tuple[list[tuple[str, int]], list[tuple[str, int]]]
) -> None:
    recorded, others = examples
    result = checked(tmp_path, recording_hosts=[pattern])

    assert [place for place in recorded if not result.is_recorded(*place)] == []
    assert [place for place in others if result.is_recorded(*place)] == []
    regex = result.hosts[0].authority_regex()
    assert all(re.search(regex, f"{host}:{port}", re.IGNORECASE) for host, port in recorded)
    assert not any(re.search(regex, f"{host}:{port}", re.IGNORECASE) for host, port in others)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "https://api.openai.com",
        "api.openai.com/v1",
        "a b",
        "*.",
        "a..b",
        "h:0",
        "h:65536",
        "h:x",
        "a.*.b",
        "h:",
    ],
)
def test_what_is_no_host_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadOption) as caught:
        checked(tmp_path, recording_hosts=[text])

    assert str(caught.value) == (
        f"recording_hosts={text!r}: expected a host name without scheme or path, such as api.openai.com, "
        "*.openai.azure.com or localhost:11434"
    )


@given(st.text(max_size=12))
def test_any_host_is_a_pattern_or_refused_in_one_line(text: str) -> None:
    try:
        pattern = options._host_pattern(text)
    except BadOption as exc:
        lines = str(exc).splitlines()
    else:
        lines = [pattern.authority_regex()]
    assert len(lines) == 1


# --- pacing and faults --------------------------------------------------------------------------------------------


def test_answers_are_replayed_at_once_and_without_faults_by_default(tmp_path: Path) -> None:
    result = checked(tmp_path)
    assert result.terms.are_plain()
    assert not result.keeps_times


def test_the_terms_of_answers_are_read(tmp_path: Path) -> None:
    result = checked(
        tmp_path,
        recording_timing="true",
        recording_pacing="2x",
        recording_faults=["rate_limit;first=2", "error=503"],
        recording_retry_after="0.5",
    )
    assert result.keeps_times
    assert result.terms.pacing.speed == 2
    assert [rule.text for rule in result.terms.faults] == ["rate_limit;first=2", "error=503"]
    assert result.terms.most_wait_s == 0.5


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("recording_timing", "yes", "recording_timing='yes': expected one of false, true"),
        ("recording_pacing", "2y", "recording_pacing='2y': unknown word '2y': Allowed: instant, recorded"),
        (
            "recording_faults",
            ["rate_limit", "rate_limt"],
            "recording_faults='rate_limt': unknown word 'rate_limt': did you mean rate_limit?",
        ),
        ("recording_retry_after", "2h", "recording_retry_after='2h': expected seconds such as 2 or 0.5"),
    ],
)
def test_a_term_that_makes_no_sense_is_an_error(
    tmp_path: Path, name: str, value: object, problem: str
) -> None:
    with pytest.raises(BadOption) as caught:
        checked(tmp_path, **{name: value})
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ((), ["api.openai.com", "*.api.openai.com"]),
        (("+openrouter.ai",), ["api.openai.com", "*.api.openai.com", "openrouter.ai"]),
        (("localhost:11434",), ["localhost:11434"]),
        (("localhost:11434", "+openrouter.ai"), ["localhost:11434", "openrouter.ai"]),
    ],
)
def test_a_plus_adds_a_host_to_the_default(tmp_path: Path, given: tuple[str, ...], hosts: list[str]) -> None:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values |= {"recording_dir": str(tmp_path)} | ({"recording_hosts": given} if given else {})
    assert [host.text for host in settings(values).hosts] == hosts


def test_more_hosts_are_added_to_the_default_or_to_given_hosts() -> None:
    def values(*texts: str) -> tuple[str, ...]:
        given = {option.name: option.default for option in OPTIONS} | {"recording_hosts": texts}
        return host_values(settings(given).hosts, ["b.org"])

    assert values("+a.org") == ("+a.org", "+b.org")
    assert values("a.org", "c.org:81") == ("a.org", "c.org:81", "+b.org")
