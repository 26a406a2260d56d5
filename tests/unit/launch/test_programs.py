"""The programs that a command runs, by its words, by the text of a shell and by a script."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openai_replay.launch.programs import programs_of


def programs(*command: str, path: str = "") -> list[str]:
    return list(programs_of(command, {"PATH": path}))


def script(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (["npm", "test"], ["npm"]),
        (["/opt/node/bin/node", "x.js"], ["node"]),
        (["env", "CI=1", "npm", "test"], ["npm"]),
        (["env"], []),
        (["sh"], []),
        (["bash", "-c"], []),
        (["sh", "-c", "npm ci && CI=1 npm test"], ["npm", "npm"]),
        (["bash", "-euo", "pipefail", "-c", "cd web; npx vitest | tee log"], ["cd", "npx", "tee"]),
        (["/bin/bash", "-ec", "exec npm test # all\n\necho 'a; b'"], ["npm", "echo"]),
        (["sh", "-c", "(npm \\\n test)"], ["npm"]),
        (["sh", "-c", "if true; then npm test; fi"], ["if", "then", "fi"]),
        (["sh", "-c", "npm 'test"], []),
        (["sh", "-c", "A=1"], []),
        (["sh", "/no/such/file"], []),
    ],
)
def test_a_shells_text_runs_its_commands(command: list[str], names: list[str]) -> None:
    assert programs(*command) == names


def test_a_shell_script_runs_its_commands(tmp_path: Path) -> None:
    tests = script(tmp_path, "tests.sh", "#!/bin/bash -e\nnpm ci\nnpm test\n")
    assert programs(tests) == ["npm", "npm"]
    assert programs("sh", tests) == ["npm", "npm"]
    assert programs("sh", script(tmp_path, "without-a-first-line", "npm test\n")) == ["npm"]
    assert programs("tests.sh", path=str(tmp_path)) == ["npm", "npm"]
    assert programs(script(tmp_path, "by-env", "#!/usr/bin/env bash\nnpm test\n")) == ["npm"]


def test_any_other_file_is_a_program(tmp_path: Path) -> None:
    assert programs(script(tmp_path, "codex", "#!/usr/bin/env node\nnpm\n")) == ["codex"]
    assert programs(script(tmp_path, "binary", "\x7fELF\nnpm\n")) == ["binary"]
    assert programs("binary") == ["binary"]


def test_a_script_is_looked_into_behind_a_shells_text_but_no_deeper(tmp_path: Path) -> None:
    inner = script(tmp_path, "inner", "#!/bin/sh\nnpm test\n")
    outer = script(tmp_path, "outer", f"#!/bin/sh\n{inner}\n")
    assert programs("bash", "-c", inner) == ["npm"]
    assert programs("bash", "-c", outer) == ["inner"]
    again = script(tmp_path, "again", f"#!/bin/sh\n{tmp_path / 'again'}\n")
    assert programs(again) == ["again"]


def test_a_known_program_is_not_looked_into(tmp_path: Path) -> None:
    script(tmp_path, "npm", "#!/bin/sh\nexec node npm.js\n")
    environment = {"PATH": str(tmp_path)}
    assert list(programs_of(["sh", "-c", "npm test"], environment)) == ["node"]
    assert list(programs_of(["sh", "-c", "npm test"], environment, {"npm"})) == ["npm"]


def test_a_long_script_is_not_looked_into(tmp_path: Path) -> None:
    long = script(tmp_path, "long", "#!/bin/sh\n" + "npm test\n" * 1000)
    assert programs(long) == programs("sh", long) == []


def test_a_script_from_a_pipe_is_left_to_the_shell() -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, b"npm test\n")
        assert programs("bash", f"/dev/fd/{reader}") == []
        assert os.read(reader, 100) == b"npm test\n"
    finally:
        os.close(reader)
        os.close(writer)
