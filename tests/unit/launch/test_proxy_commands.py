"""Commands for a proxy that runs by itself."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from openai_replay.launch.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_calls_this_program(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_OPENAI_REPLAY_COMPLETE" in result.output
    assert "openai-replay" in result.output


def test_serve_starts_without_the_imports_of_a_run() -> None:
    code = "import sys; from openai_replay.launch.cli import main; main.get_command(None, 'serve'); print(*sys.modules)"
    path = ":".join(entry for entry in sys.path if entry)
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert {"openai_replay.options", "openai_replay.launch.trust", "ssl"} & set(
        result.stdout.split()
    ) == set()
