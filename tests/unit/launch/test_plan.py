"""The options of a run, checked."""

import re
from pathlib import Path

import pytest

from openai_replay.errors import BadOption
from openai_replay.launch.plan import RunOptions, planned
from openai_replay.modes import Mode
from unit.launch.conftest import Planner


def hosts(plan_of: Planner, environment: dict[str, str], **options: object) -> list[str]:
    return [host.text for host in plan_of(environment, **options).settings.hosts]


def test_the_command_line_wins_over_the_environment(plan_of: Planner) -> None:
    environment = {"OPENAI_RECORDING_MODE": "live"}
    assert plan_of(environment).settings.mode is Mode.LIVE
    assert plan_of(environment, mode="record").settings.mode is Mode.RECORD


def test_options_of_the_addon_and_of_mitmproxy_are_handed_on(plan_of: Planner, tmp_path: Path) -> None:
    more = ("recording_ignore=a", "recording_ignore=b=c", "recording_mode=live", "http2=false")
    plan = plan_of(more=more)
    assert plan.settings.mode is Mode.LIVE
    assert len(plan.settings.ignore) == 2
    assert plan.given == (
        ("recording_ignore", "a"),
        ("recording_ignore", "b=c"),
        ("recording_mode", "live"),
        ("recording_dir", str(tmp_path)),
        ("http2", "false"),
    )


@pytest.mark.parametrize("text", ["recording_mode", "=x", ""])
def test_a_set_without_name_or_value_is_refused(plan_of: Planner, text: str) -> None:
    with pytest.raises(BadOption, match="expected NAME=VALUE"):
        plan_of(more=(text,))


def test_one_option_takes_no_second_value(plan_of: Planner) -> None:
    with pytest.raises(BadOption, match="recording_mode: expected one value, got 'live', 'replay'"):
        plan_of(more=("recording_mode=live", "recording_mode=replay"))


def test_the_host_of_the_base_url_is_recorded_unless_hosts_are_given(plan_of: Planner) -> None:
    own = {"OPENAI_BASE_URL": "http://localhost:11434/v1"}
    defaults = hosts(plan_of, {})
    assert hosts(plan_of, own) == [*defaults, "localhost:11434"]
    given = {**own, "OPENAI_RECORDING_HOSTS": "other.example"}
    assert hosts(plan_of, given) == ["other.example"]
    assert plan_of(given).unrecorded_base_url() == "http://localhost:11434/v1"
    assert plan_of(own).unrecorded_base_url() == ""
    assert hosts(plan_of, given, base_url=True) == ["other.example", "localhost:11434"]
    assert hosts(plan_of, {"OPENAI_BASE_URL": "https://api.openai.com/v1"}) == defaults


def test_a_base_url_that_is_none_counts_only_where_it_is_used(plan_of: Planner) -> None:
    environment = {"OPENAI_BASE_URL": "ftp://x"}
    assert plan_of(environment).unrecorded_base_url() == "ftp://x"
    with pytest.raises(BadOption, match="expected a URL such as"):
        plan_of(environment, base_url=True)


def test_replay_asks_no_mock(plan_of: Planner) -> None:
    with pytest.raises(BadOption, match="--against-mock: expected --mode record"):
        plan_of(against_mock=True)
    assert plan_of(mode="record", against_mock=True).options.against_mock


def test_replay_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="expected an existing folder to replay from"):
        planned(RunOptions(directory=str(tmp_path / "none")), {})


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("-", "--report -: expected a file; standard output is the command's"),
        ("run.pdf", "expected the ending .html, .xml (JUnit) or .json"),
        ("", "expected a file in an existing folder"),
        ("no/run.html", "expected a file in an existing folder"),
    ],
)
def test_a_report_must_have_a_place_and_a_form(
    plan_of: Planner, tmp_path: Path, name: str, problem: str
) -> None:
    with pytest.raises(BadOption, match=re.escape(problem)):
        plan_of(reports=(tmp_path / name,))


@pytest.mark.parametrize("name", ["run.html", "RUN.XML", "run.json", "run"])
def test_a_report_has_one_of_three_forms(plan_of: Planner, tmp_path: Path, name: str) -> None:
    assert plan_of(reports=(tmp_path / name,)).options.reports == (tmp_path / name,)
