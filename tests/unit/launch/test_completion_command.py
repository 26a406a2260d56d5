"""`completion`: a script for each shell."""

import pytest
from click.testing import CliRunner

from openai_replay.launch.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_calls_this_program(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_OPENAI_REPLAY_COMPLETE" in result.output
    assert "openai-replay" in result.output
