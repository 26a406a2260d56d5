"""Detect Node versions that ignore HTTPS_PROXY and its like, for a command that Node runs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .programs import programs_of

# Programs that are Node, or that are written for it and run by the `node` on PATH.
_PROGRAMS = frozenset(
    {"node", "npm", "npx", "pnpm", "pnpx", "yarn", "tsx", "ts-node", "vitest", "jest", "mocha", "next"}
)

# Commands that make no request, in a shell's text beside those programs.
_HARMLESS = frozenset({"cd", "echo", "export", "mkdir", "set", "true"})

_VERSION = re.compile(r"v(\d+)\.(\d+)\.")

# NODE_USE_ENV_PROXY came with 24.0.0, and was brought to 22.21.0 (Node's documentation, "Enterprise network
# configuration"). 23 never got it.
_FIRST_OF_22 = (22, 21)
_FIRST = (24, 0)


def old_node(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the version of the Node that runs a command, such as `v20.1.0`, if it does not read proxy variables.

    Returns "" for a newer Node, and for a command that Node does not run.
    """
    if not is_run_by_node(command, environment):
        return ""
    return node_without_proxy(environment, command[0] if Path(command[0]).name == "node" else "node")


def node_without_proxy(environment: Mapping[str, str], program: str = "node") -> str:
    """Return the version of a Node, by default that on PATH, if it does not read proxy variables; "" for any other."""
    try:
        result = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError:
        return ""  # there is none, or the command itself will say so
    version = result.stdout.strip()
    return "" if reads_proxy_variables(version) else version


def reads_proxy_variables(version: str) -> bool:
    """Tell whether a Node reads proxy variables, by its version such as `v22.21.0`; any other text counts as yes."""
    match = _VERSION.match(version)
    if match is None:
        return True
    found = (int(match[1]), int(match[2]))
    return found >= _FIRST or _FIRST_OF_22 <= found < (23, 0)


def is_run_by_node(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Tell whether a command is Node, or one of the well-known programs that Node runs, also behind `sh -c`.

    A shell's text that runs another program, too, is none: that program may need the proxy.
    """
    programs = set(programs_of(command, environment, _PROGRAMS))
    return not programs.isdisjoint(_PROGRAMS) and programs <= _PROGRAMS | _HARMLESS
