"""Detect Node versions that ignore HTTPS_PROXY and its like, for a command that Node runs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# Programs that are Node, or that are written for it and run by the `node` on PATH.
_PROGRAMS = frozenset(
    {"node", "npm", "npx", "pnpm", "pnpx", "yarn", "tsx", "ts-node", "vitest", "jest", "mocha", "next"}
)

_VERSION = re.compile(r"v(\d+)\.(\d+)\.")

# NODE_USE_ENV_PROXY came with 24.0.0, and was brought to 22.21.0 (Node's documentation, "Enterprise network
# configuration"). 23 never got it.
_FIRST_OF_22 = (22, 21)
_FIRST = (24, 0)


class OldNode:
    """Asks `node --version` in the background, if the command is Node's."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = _asked(command, environment)

    def problem(self) -> str:
        """Return the problem and its remedy in one line; "" where there is no Node, or one that reads the variables."""
        if self._process is None:
            return ""
        version = self._process.communicate()[0].strip()
        return "" if reads_proxy_variables(version) else _problem(version)


def reads_proxy_variables(version: str) -> bool:
    """Tell whether a Node reads proxy variables, by its version such as `v22.21.0`; any other text counts as yes."""
    match = _VERSION.match(version)
    if match is None:
        return True
    found = (int(match[1]), int(match[2]))
    return found >= _FIRST or _FIRST_OF_22 <= found < (23, 0)


def is_run_by_node(command: Sequence[str]) -> bool:
    """Tell whether a command is Node, or one of the well-known programs that Node runs."""
    return Path(command[0]).name in _PROGRAMS


def _problem(version: str) -> str:
    return (
        f"warning: Node {version} does not read proxy variables (22.21 and 24.0 are the first that do): its requests "
        "go past the proxy. Try --base-url, or a newer Node."
    )


def _asked(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str] | None:
    if not is_run_by_node(command):
        return None
    program = command[0] if Path(command[0]).name == "node" else "node"
    try:
        return subprocess.Popen(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            text=True,
        )
    except OSError:
        return None  # the command itself will say so
