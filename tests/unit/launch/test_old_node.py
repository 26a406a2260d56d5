"""A Node that does not read proxy variables."""

import os
import shlex
from pathlib import Path

import pytest

from openai_replay.launch.old_node import is_run_by_node, old_node, reads_proxy_variables


@pytest.mark.parametrize(
    ("version", "reads"),
    [
        ("v20.20.2", False),
        ("v22.20.0", False),
        ("v22.21.0", True),
        ("v22.23.3", True),
        ("v23.11.1", False),
        ("v24.0.0", True),
        ("v26.10.0", True),
        ("no version", True),
    ],
)
def test_the_version_says_whether_node_reads_proxy_variables(version: str, reads: bool) -> None:
    assert reads_proxy_variables(version) is reads


@pytest.mark.parametrize(
    ("command", "is_node"),
    [
        ("node x", True),
        ("/opt/node/bin/node x", True),
        ("npx x", True),
        ("python x", False),
        ("bash -euo pipefail -c 'cd web && npm ci && npm test'", True),
        ("sh -c 'npm run build && go test ./...'", False),
        ("sh -c 'cd web'", False),
    ],
)
def test_commands_that_node_runs_are_known_by_name(command: str, is_node: bool) -> None:
    assert is_run_by_node(shlex.split(command), {}) is is_node


def node(folder: Path, version: str) -> dict[str, str]:
    program = folder / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_the_node_on_the_path_of_the_command_is_asked(tmp_path: Path) -> None:
    assert old_node([str(tmp_path / "node"), "x.js"], node(tmp_path, "v20.1.0")) == "v20.1.0"
    assert old_node(["npm", "test"], node(tmp_path, "v20.1.0")) == "v20.1.0"
    assert old_node([str(tmp_path / "node")], node(tmp_path, "v24.1.0")) == ""


def test_other_commands_and_a_node_that_is_not_there_have_no_version(tmp_path: Path) -> None:
    assert old_node(["true"], node(tmp_path, "v20.1.0")) == ""
    assert old_node([str(tmp_path / "none" / "node")], {}) == ""
