"""Which files are run once more with the addon's own server in mitmdump's place."""

import os

# Nothing in these starts a mitmdump, or they start the server in any case, as `openai-replay run` does.
_RUN_ONCE = (
    "against_mock",
    "container_and_action",
    "env_command",
    "list_and_show",
    "matrix_replay",
    "mitmweb",
    "package",
    "pytest_plugin",
    "report_page",
    "run_command",
    "scripts",
    "serve",
    "upstream",
    "upstream_api",
    "workers",
)

if os.environ.get("OPENAI_REPLAY_TEST_PROGRAM") == "serve":
    collect_ignore = [f"test_{name}.py" for name in _RUN_ONCE]
