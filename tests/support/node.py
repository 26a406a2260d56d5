"""Calls of openai-node through a proxy, by a current Node.js."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from clients.toolchains import client_named

from .proxy import CEILING_S, Proxy

PROGRAM = Path(__file__).with_name("node_calls.mjs")


def node(
    running: Proxy, calls: list[Any], *, test_id: str, options: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return openai-node's answers to some calls; the program says how calls and answers look.

    `options` are those of its client, such as `maxRetries`.

    Skips the test where the toolchain is missing, but not in CI.
    """
    client = client_named("openai-node")
    if (reason := client.available()) and os.environ.get("CI") != "true":
        pytest.skip(reason)
    executable, program = client.build()
    environment = running.environment(NODE_USE_ENV_PROXY="1")
    return answers(executable, program, environment, calls, test_id=test_id, options=options)


def answers(
    executable: str,
    program: str,
    environment: Mapping[str, str],
    calls: list[Any],
    *,
    test_id: str = "",
    options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return the same of one Node.js: its executable, a program beside its packages, and its environment."""
    done = subprocess.run(
        [executable, "--input-type=module", "-", json.dumps(calls), test_id, json.dumps(options or {})],
        input=PROGRAM.read_bytes(),
        cwd=Path(program).parent,  # where the package is found
        env=environment,
        capture_output=True,
        timeout=CEILING_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said
