"""The commands, their help, and the imports at the start of the command line."""

import click
import pytest
from click.testing import CliRunner

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
def test_the_list_of_commands_has_whole_sentences(name: str) -> None:
    line = commands()[name].get_short_help_str(limit=1000)
    assert line[0].isupper()
    assert not line.endswith("...")


def test_help_has_examples() -> None:
    for arguments in ([], ["run"], ["env"], ["serve"], ["completion"]):
        result = CliRunner().invoke(main, [*arguments, "--help"])
        assert result.exit_code == 0
        assert "Examples:" in result.output


def test_an_unknown_command_is_refused() -> None:
    result = CliRunner().invoke(main, ["replay"])
    assert result.exit_code == 2
    assert "No such command" in result.output
