"""`scripts/kills` kills a recording proxy, and finds each file whole and each request with a recording."""

from __future__ import annotations

import re
import subprocess
import sys

from support.proxy import ROOT


def test_a_killed_proxy_leaves_whole_files() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / "kills", "--kills", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    answers = re.search(
        r"^1 kills, (\d+) answers, \d+ unfinished files left by kills, 0 problems$", run.stdout, re.M
    )
    assert answers is not None
    assert int(answers[1]) > 32
