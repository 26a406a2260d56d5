"""`serve`: it starts quickly; the rest is in tests/e2e/test_serve.py."""

from unit.launch.conftest import modules_after


def test_serve_starts_without_the_imports_of_a_run() -> None:
    modules = modules_after("from openai_replay.launch.cli import main; main.get_command(None, 'serve')")
    assert {"openai_replay.options", "openai_replay.launch.trust", "ssl"} & modules == set()
