"""How long `openai-replay run -- true` takes, and its processor time: the cost for a test runner per run."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .statistics_of import spread_of, table

ROOT = Path(__file__).resolve().parents[2]

# The name of the variable that holds another checkout, with its .venv, to be measured in turns with this one.
BEFORE = "OPENAI_REPLAY_BENCH_BEFORE"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds of the clock, and of the processor for all its processes."""

    clock_s: float
    processor_s: float


def run(*, quick: bool) -> tuple[dict[str, Any], str]:
    """Measure in turns, and return the numbers and a table; with `BEFORE` also the numbers of another checkout."""
    checkouts = {"this checkout": ROOT}
    if os.environ.get(BEFORE):
        checkouts = {"before": Path(os.environ[BEFORE]), **checkouts}
    commands = {
        "python -c pass": (str(ROOT / ".venv" / "bin" / "python"), "-c", "pass"),
        **{name: _run_of(checkout) for name, checkout in checkouts.items()},
    }
    with tempfile.TemporaryDirectory(prefix="openai-replay-start-") as home:
        shutil.copytree(ROOT / "recordings", Path(home) / "recordings")
        for command in commands.values():
            _measured(command, home)  # makes the certificate authority, and fills the caches
        rounds = [
            {name: _measured(command, home) for name, command in commands.items()}
            for _ in range(5 if quick else 25)
        ]
    return _results(rounds), table(_rows(rounds))


def _run_of(checkout: Path) -> tuple[str, ...]:
    return (str(checkout / ".venv" / "bin" / "openai-replay"), "run", "--", "true")


def _measured(command: Sequence[str], home: str) -> Measured:
    environment = {"HOME": home, "PATH": os.environ["PATH"]}
    before, began = _processor_s(), time.perf_counter()
    subprocess.run(command, cwd=home, env=environment, check=True, stderr=subprocess.DEVNULL)
    return Measured(time.perf_counter() - began, _processor_s() - before)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _results(rounds: Sequence[dict[str, Measured]]) -> dict[str, Any]:
    return {
        name: {
            "clock_s": spread_of([one[name].clock_s for one in rounds]).to_json(),
            "processor_s": spread_of([one[name].processor_s for one in rounds]).to_json(),
        }
        for name in rounds[0]
    }


def _rows(rounds: Sequence[dict[str, Measured]]) -> list[list[str]]:
    """Return the table; ratios are to the second row, each within its round."""
    _, reference, *_ = rounds[0]
    rows = [["openai-replay run -- true", "clock", "processor", "ratio of clocks", "of processors"]]
    for name in rounds[0]:
        clocks = [one[name].clock_s / one[reference].clock_s for one in rounds]
        processors = [one[name].processor_s / one[reference].processor_s for one in rounds]
        rows.append(
            [
                name,
                spread_of([one[name].clock_s for one in rounds]).shown("s"),
                spread_of([one[name].processor_s for one in rounds]).shown("s"),
                spread_of(clocks).shown(""),
                spread_of(processors).shown(""),
            ]
        )
    return rows
