"""`serve`: it starts quickly; the rest is in tests/e2e/test_serve.py."""

import pytest
from click.testing import CliRunner

from openai_replay.launch.serve_command import serve_command
from unit.launch.conftest import modules_after


def test_serve_starts_without_the_imports_of_a_run() -> None:
    modules = modules_after("from openai_replay.launch.cli import main; main.get_command(None, 'serve')")
    assert {"openai_replay.options", "openai_replay.launch.trust", "ssl"} & modules == set()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ("--mode", "record"),
            "--mode record: expected mitmproxy's mode, such as reverse:https://api.openai.com; this",
        ),
        (("-m", "live"), "this is written --set recording_mode=live"),
        (("--mode=replay",), "this is written --set recording_mode=replay"),
        (("--engin", "uvicorn"), "no such option --engin: did you mean --engine?"),
        (("-q", "--worker", "2"), "no such option --worker: did you mean --workers?"),
        (("--dir", "folder"), "no such option --dir: write --set recording_dir=folder"),
        (("--report",), "no such option --report: write --set recording_report=…"),
    ],
)
def test_mistakes_that_mitmdump_would_explain_badly(arguments: tuple[str, ...], problem: str) -> None:
    result = CliRunner().invoke(serve_command, arguments)
    assert result.exit_code == 2
    assert problem in result.output
