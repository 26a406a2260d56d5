"""Which files are run once more with another program in mitmdump's place: the addon's own server, or the engine."""

import os
from pathlib import Path

# Nothing in these starts a mitmdump, or they start the server in any case, as `openai-replay run` does.
_RUN_ONCE = (
    "against_mock",
    "container_and_action",
    "engine",
    "env_command",
    "import",  # of flow files, which mitmdump alone writes
    "list_and_show",
    "matrix_replay",
    "mitmweb",
    "package",
    "raw_requests",
    "pytest_plugin",
    "report_page",
    "readme_commands",
    "run_command",
    "scripts",
    "serve",
    "upstream",
    "upstream_api",
    "workers",
)


def _files_without_base_urls() -> list[str]:
    """Return the files that start no proxy in reverse mode: the engine has no part in them."""
    files = Path(__file__).parent.glob("test_*.py")
    return [
        path.name for path in files if "reverse:" not in (text := path.read_text()) and "REVERSE" not in text
    ]


_program = os.environ.get("OPENAI_REPLAY_TEST_PROGRAM")
if _program in ("serve", "engine"):
    collect_ignore = [f"test_{name}.py" for name in _RUN_ONCE]
if _program == "engine":
    collect_ignore += _files_without_base_urls()
