"""The options of the pytest plugin."""

import argparse
import copy
from pathlib import Path

import pytest

from openai_replay.launch.proxy_program import RUN
from openai_replay.launch.pytest_options import (
    arguments,
    is_on,
    refuse_options_under_run,
    selects_tests,
    variables,
)


def given(config: pytest.Config, **options: object) -> pytest.Config:
    """Return a configuration with other options on its command line."""
    changed = copy.copy(config)
    changed.known_args_namespace = argparse.Namespace(**{**vars(config.known_args_namespace), **options})
    return changed


def test_options_of_the_proxy_are_handed_on(pytestconfig: pytest.Config) -> None:
    options = {"recording_set": ["recording_pacing=2x", "http2=false"], "recording_base_url": True}
    assert arguments(given(pytestconfig, **options)) == [
        "--base-url",
        "--set=recording_pacing=2x",
        "--set=http2=false",
    ]
    assert arguments(pytestconfig) == []


def test_the_command_line_wins_over_the_environment(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_RECORDING_MODE", "live")
    monkeypatch.delenv("OPENAI_RECORDING_DIR", raising=False)
    folder = str(pytestconfig.rootpath / "recordings")
    assert variables(pytestconfig) == {"OPENAI_RECORDING_MODE": "live", "OPENAI_RECORDING_DIR": folder}
    options = {"recording_mode": "record", "recording_dir": str(tmp_path)}
    assert variables(given(pytestconfig, **options)) == {
        "OPENAI_RECORDING_MODE": "record",
        "OPENAI_RECORDING_DIR": str(tmp_path),
    }


@pytest.mark.parametrize(
    "option",
    [
        {"recording_mode": "record"},
        {"recording_dir": "x"},
        {"recording_set": ["a=b"]},
        {"recording_base_url": True},
        {"recording_pass_key": True},
        {"recording_against_mock": True},
    ],
)
def test_each_option_of_the_proxy_turns_it_on_and_is_refused_where_run_has_one(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, option: dict[str, object]
) -> None:
    config = given(pytestconfig, **option)
    assert is_on(config)
    assert not is_on(given(pytestconfig, **option, help=True))
    monkeypatch.delenv(RUN, raising=False)
    refuse_options_under_run(config)
    monkeypatch.setenv(RUN, "{}")
    name = f"--{next(iter(option)).replace('_', '-')}"
    with pytest.raises(pytest.UsageError, match=f"{name}: pytest runs under `openai-replay run`"):
        refuse_options_under_run(config)
    refuse_options_under_run(pytestconfig)


def test_files_and_expressions_select_tests(pytestconfig: pytest.Config) -> None:
    config = copy.copy(pytestconfig)
    config.option = argparse.Namespace()
    config.args_source = pytest.Config.ArgsSource.INVOCATION_DIR
    assert not selects_tests(config)
    config.option.keyword = "one"
    assert selects_tests(config)
    config.option.keyword = ""
    config.args_source = pytest.Config.ArgsSource.ARGS
    assert selects_tests(config)
