"""The cost of the commands for a folder with 10,000 recordings: the table `collection`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.proxy import bare_environment

from .scale import make_recordings
from .statistics_of import table

SIZE = 10_000
FEW = 1_000

# Seconds that each command may take on a machine that does nothing else.
_MOST_S = 5.0

_OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))


@dataclass(frozen=True, slots=True)
class Measured:
    """One command: the best of its runs, in seconds, by the clock and of all processors."""

    command: str
    elapsed_s: float
    processor_s: float


def run(*, quick: bool) -> tuple[Any, str]:
    """Measure the commands; return the numbers, and a table of them."""
    size = FEW if quick else SIZE
    with TemporaryDirectory() as temporary:
        home = Path(temporary)
        make_recordings(home / "recordings", size)
        shutil.copytree(home / "recordings", home / "copy")
        _commit(home)
        commands = {
            "list": ["list"],
            "check": ["check"],
            "diff, two folders": ["diff", "recordings", "copy"],
            "diff, since the last commit": ["diff"],
        }
        measured = [_measured(home, name, arguments) for name, arguments in commands.items()]
    rows = [[one.command, f"{one.elapsed_s:.2f} s", f"{one.processor_s:.2f} s"] for one in measured]
    shown = table([[f"{size:,} recordings", "time", "processor time"], *rows])
    return [asdict(one) for one in measured], f"{shown}\n\nAt most {_MOST_S:.0f} s each."


def _commit(home: Path) -> None:
    for arguments in (["init", "-q"], ["add", "recordings"], ["commit", "-qm", "one"]):
        command = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", *arguments]
        subprocess.run(command, cwd=home, check=True)


def _measured(home: Path, name: str, arguments: list[str], rounds: int = 3) -> Measured:
    print(f"collection: {name}", flush=True)
    best = (float("inf"), float("inf"))
    for _ in range(rounds):
        before, start = os.times(), time.perf_counter()
        subprocess.run(
            [_OPENAI_REPLAY, *arguments],
            cwd=home,
            env=bare_environment(home),
            check=True,
            capture_output=True,
        )
        elapsed, after = time.perf_counter() - start, os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        best = min(best, (elapsed, used))
    return Measured(name, *best)
