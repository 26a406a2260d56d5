"""Where the time of replaying goes: a flame graph of the addon's own server under load, or of mitmdump."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from . import load
from .programs import BASE_URL_MODE, running
from .replay import ADDON, prepared

_CLIENTS = 32
_SECONDS = 15
_ROOT = Path(__file__).resolve().parents[2]


def draw(file: Path, program_name: str = ADDON) -> None:
    """Write the flame graph of one of the programs that `replay` compares to an SVG file.

    Raises:
        CalledProcessError: py-spy could not be installed, or may not look at other processes.
    """
    with TemporaryDirectory(prefix="openai-replay-bench-") as top:
        request, programs = prepared(Path(top))
        program = next(program for program in programs if program.name == program_name)
        with running(program, Path(top) / "home", BASE_URL_MODE) as proxy:
            load.wrk_keep_alive(proxy, request, _CLIENTS, 1)
            arguments = ["--duration", str(_SECONDS), "--rate", "500", "--output", str(file)]
            command = [_profiler(), "record", *arguments, "--pid", str(proxy.process.pid)]
            with subprocess.Popen(command, stdout=sys.stderr) as profiler:
                load.wrk_keep_alive(proxy, request, _CLIENTS, _SECONDS)
            if profiler.returncode:
                raise subprocess.CalledProcessError(profiler.returncode, command)


def _profiler() -> str:
    """Return py-spy, installed beside the checkout's other packages when it is first needed."""
    program = Path(sys.executable).with_name("py-spy")
    if not program.exists():
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--constraint",
            str(_ROOT / "constraints.txt"),
        ]
        subprocess.run([*pip, "py-spy"], check=True, stdout=sys.stderr)
    return str(program)
