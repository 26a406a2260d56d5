"""The recipes of `tests/recipes`: each project is recorded from the mock API and replayed by its own test runner."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.proxy import recordings

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
README = (RECIPES / "README.md").read_text(encoding="utf-8")
OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
NOT_COPIED = shutil.ignore_patterns("node_modules", "target", "recordings", "__pycache__")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A project in a folder of `tests/recipes`.

    Attributes:
        needs: programs on PATH.
        prepare: the command that fetches and builds the needs of the tests.
        command: the command that runs the tests.
        test_ids: the test ids that its recordings get.
    """

    folder: str
    needs: Sequence[str]
    prepare: Sequence[str]
    command: Sequence[str]
    test_ids: Sequence[str]
    options: Sequence[str] = ("--base-url",)


NPM = ["npm", "install", "--silent", "--no-package-lock", "--no-audit", "--no-fund"]
RECIPE_LIST = (
    Recipe(
        "go",
        ["go"],
        ["go", "test", "-c", "-o", os.devnull],
        ["go", "test", "-count=1", "./..."],
        ["TestGreeting"],
        (),
    ),
    Recipe("node-test", ["npm"], NPM, ["npm", "test"], ["greets politely"]),
    Recipe("vitest", ["npm"], NPM, ["npm", "test"], ["greets politely"]),
    Recipe(
        "junit5",
        ["mvn", "javac"],
        ["mvn", "--batch-mode", "--quiet", "test", "-Dtest=None", "-Dsurefire.failIfNoSpecifiedTests=false"],
        ["mvn", "--batch-mode", "--quiet", "test"],
        ["greets(TestInfo)"],
    ),
    Recipe(
        "minitest",
        ["ruby"],
        ["ruby", "-c", "greeting_test.rb"],
        ["ruby", "greeting_test.rb"],
        ["test_greets"],
    ),
    Recipe(
        "cargo", ["cargo"], ["cargo", "test", "--quiet", "--no-run"], ["cargo", "test", "--quiet"], ["greets"]
    ),
    Recipe("bats", ["bats"], ["bats", "--version"], ["bats", "greeting.bats"], ["test_greets"], ()),
)


def missing(programs: Sequence[str]) -> None:
    """Skip a test whose programs are not there; with CI=true it fails."""
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        message = f"expected on PATH: {', '.join(absent)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


def ran(command: Sequence[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**environment, **more}, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result


@pytest.mark.parametrize("recipe", RECIPE_LIST, ids=lambda recipe: recipe.folder)
def test_a_recipe_is_recorded_and_replayed(recipe: Recipe, tmp_path: Path) -> None:
    missing(recipe.needs)
    folder = tmp_path / recipe.folder
    shutil.copytree(RECIPES / recipe.folder, folder, ignore=NOT_COPIED)
    ran(recipe.prepare, folder)
    run = [OPENAI_REPLAY, "run", *recipe.options]
    ran([*run, "--mode", "record", "--against-mock", "--", *recipe.command], folder)
    found = recordings(folder / "recordings").values()
    assert [recording["test_id"] for recording in found] == recipe.test_ids
    replayed = ran([*run, "--fail-on-miss", "--fail-on-unused", "--", *recipe.command], folder)
    assert "openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused\n" in replayed.stderr


def test_cassettes_of_vcr_py_are_replayed_by_the_plugin(tmp_path: Path) -> None:
    folder = tmp_path / "vcrpy"
    shutil.copytree(RECIPES / "vcrpy", folder, ignore=NOT_COPIED)
    ran([OPENAI_REPLAY, "import", "cassettes"], folder)
    (recording,) = recordings(folder / "recordings").values()
    assert recording["test_id"] == "test_greeting.py::test_greeting"
    ran([sys.executable, "-m", "pytest", "-q", "test_greeting.py"], folder)


def test_the_page_shows_lines_of_the_projects() -> None:
    files = (path for path in RECIPES.rglob("*.*") if path.is_file())
    sources = [path.read_text() for path in files if path.suffix not in (".md", ".sum")]
    blocks = re.findall(r"```(?:go|js|java|ruby|rust|python)\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        assert any(block.rstrip() in source for source in sources), block
    shown = re.findall(r"^\| [^|]+ \| \[([\w-]+)\]", README, re.MULTILINE)
    assert shown == [recipe.folder for recipe in RECIPE_LIST]


def test_no_project_names_a_registry() -> None:
    for path in RECIPES.rglob("package*.json"):
        assert "resolved" not in json.dumps(json.loads(path.read_text()))
