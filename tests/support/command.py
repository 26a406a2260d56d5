"""The command `openai-replay` as tests run it: in an environment that is otherwise empty, awaited to its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .proxy import CEILING_S, bare_environment

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))


def openai_replay(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder that is its home, too, and return its status and output."""
    return subprocess.run(
        [OPENAI_REPLAY, *arguments],
        capture_output=True,
        text=True,
        env=bare_environment(home, LANG="C.UTF-8"),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )
