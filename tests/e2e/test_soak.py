"""`scripts/soak` runs, is bounded, and tells the resources of the proxy."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from support.proxy import ROOT


@pytest.mark.parametrize("program", ["mitmdump", "serve"])
def test_a_short_soak_prints_its_ratios(program: str) -> None:
    bounds = ("--minutes", "0.2", "--warm-up", "2", "--clients", "4", "--requests", "200", "--most", "100")
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / "soak", "--program", program, *bounds],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert re.search(
        r"^ratios: memory [\d.]+, descriptors [\d.]+, threads [\d.]+, files [\d.]+$", run.stdout, re.M
    )
    answered = re.search(r"(\d+) answered, (\d+) failed", run.stdout)
    assert answered is not None
    assert int(answered[1]) > 0
