"""`command_line`: an error of an option gives its name on the command line."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from openai_replay.errors import BadOption, OpenAIReplayError
from openai_replay.launch.command_line import DIRECTORY, NOT_DONE, USAGE, guarded


def run(problem: Exception, *arguments: str) -> tuple[int, str]:
    """Run a command that meets a problem, and return its exit status and its output."""

    @click.command
    @DIRECTORY
    def command(directory: str | None) -> None:
        def work() -> int:
            raise problem

        click.get_current_context().exit(guarded(work, NOT_DONE))

    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dir", "x"], "openai-replay: error: --dir 'x': expected a folder\n"),
        ([], "openai-replay: error: recording_dir='x': expected a folder\n"),
    ],
)
def test_an_option_has_the_name_that_it_was_given_by(arguments: list[str], message: str) -> None:
    assert run(BadOption("recording_dir='x': expected a folder"), *arguments) == (USAGE, message)


def test_what_could_not_be_done_has_a_status_of_its_own() -> None:
    assert run(OpenAIReplayError("no")) == (NOT_DONE, "openai-replay: error: no\n")


def test_a_file_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as raised:
        tmp_path.write_text("")
    assert run(raised.value) == (NOT_DONE, f"openai-replay: error: {tmp_path}: Is a directory\n")
