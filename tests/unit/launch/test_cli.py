"""The commands, their help, and the imports at the start of the command line."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from openai_replay import mock
from openai_replay.launch.cli import main
from unit.launch.conftest import modules_after

# Each takes long to import, and a run needs it late or never.
SLOW = {"mitmproxy", "cryptography", "certifi", "http.client", "openai_replay.store", "openai_replay.mock"}


def commands() -> dict[str, click.Command]:
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def test_the_start_imports_nothing_slow() -> None:
    modules = modules_after("from openai_replay.launch.cli import main; main.get_command(None, 'run')")
    assert "openai_replay.launch.run" in modules
    assert SLOW & modules == set()


def test_run_is_the_first_of_all_commands() -> None:
    names = list(commands())
    assert names[0] == "run"
    assert {"env", "proxy", "serve", "list", "show", "init", "mock", "completion"} <= set(names)


@pytest.mark.parametrize("name", list(commands()))
def test_the_list_of_commands_has_whole_sentences_on_a_terminal_of_80_columns(name: str) -> None:
    result = CliRunner().invoke(main, ["--help"], terminal_width=80)
    (line,) = re.findall(rf"^  {name} +(.*)$", result.output, re.MULTILINE)
    assert line[0].isupper()
    assert line.endswith(".")
    assert not line.endswith("...")


def test_help_has_examples() -> None:
    for arguments in ([], ["run"], ["env"], ["serve"], ["completion"]):
        result = CliRunner().invoke(main, [*arguments, "--help"])
        assert result.exit_code == 0
        assert "Examples:" in result.output


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("replay", "it is a mode, `openai-replay run --mode replay -- COMMAND`"),
        ("record", "it is a mode, `openai-replay run --mode record -- COMMAND`"),
        ("prnue", "did you mean prune?"),
        ("pytest", "a program is run by `openai-replay run -- pytest …`"),
    ],
)
def test_an_unknown_command_is_refused_with_the_one_that_may_be_meant(word: str, advice: str) -> None:
    result = CliRunner().invoke(main, [word, "--", "x"])
    assert result.exit_code == 2
    assert f"No such command '{word}': {advice}" in result.output


def test_the_mocks_help_names_scenarios_that_there_are() -> None:
    text = CliRunner().invoke(main, ["mock", "--help"]).output
    names = re.findall(r"\[scenario: (.+)\]", text)
    assert names
    for name in names:
        assert (Path(mock.__file__).parent / "scenarios" / f"{name}.json").exists()
