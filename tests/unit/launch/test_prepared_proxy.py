"""The process of a proxy before its configuration: it waits, holds no key, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_replay.launch.keys import _DOMAIN_OF_KEY, _KEY_OF_ANY_HOST
from openai_replay.launch.prepared_proxy import PreparedProxy
from support.proxy import wait_until
from unit.launch.conftest import modules_after

KEY = "sk-real-0123456789abcdef"

# Imports that take milliseconds each, for which the start of the proxy would wait.
SLOW = {"click", "dataclasses", "json", "logging", "pathlib", "openai_replay.options"}


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[PreparedProxy]:
    """A process that is not configured."""
    process = PreparedProxy({"HOME": str(tmp_path), "OPENAI_API_KEY": KEY, "PYTHONWARNINGS": "error"})
    yield process
    process.discard()


def environment_of(process: subprocess.Popen[bytes]) -> list[str]:
    """Return the variables of a process; the system shows none until the process's program is loaded."""
    environment = Path(f"/proc/{process.pid}/environ")
    return wait_until(environment.read_text, "the program is loaded").split("\0")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc shows the environment of a process on Linux alone")
def test_the_process_starts_with_the_environment_but_no_key(prepared: PreparedProxy, tmp_path: Path) -> None:
    found = environment_of(prepared.process)
    assert f"HOME={tmp_path}" in found
    assert not any(variable.startswith(("OPENAI_API_KEY=", "PYTHONWARNINGS=")) for variable in found)


def test_each_variable_that_may_be_replaced_is_left_out() -> None:
    assert all("KEY" in name for name in _DOMAIN_OF_KEY)
    assert "KEY" in _KEY_OF_ANY_HOST


def test_a_process_without_a_configuration_ends_with_its_input(prepared: PreparedProxy) -> None:
    assert prepared.process.stdin is not None
    prepared.process.stdin.close()
    assert prepared.process.wait() == 0
    prepared.process.stdin = None


def test_a_discarded_process_is_gone(tmp_path: Path) -> None:
    prepared = PreparedProxy({"HOME": str(tmp_path)})
    assert prepared.process.poll() is None
    prepared.discard()
    assert prepared.process.returncode is not None


def test_the_start_of_the_program_imports_nothing_slow() -> None:
    assert SLOW & modules_after("import openai_replay.launch.program") == set()
