"""Builds are made once, whoever asks for them, and a build that was cut short counts for nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.toolchains import CLIENTS, BuildFailed, built, client_named, copy_sources, run, too_old

CEILING_S = 60


@dataclass
class Recipe:
    """A build that notes each time it is made."""

    sources: Path
    journal: Path
    name: str = "recipe"
    ingredients: Sequence[str] = ()

    @property
    def source_folders(self) -> Sequence[str]:
        return (str(self.sources),)

    def missing(self) -> str | None:
        return None

    def install(self, folder: Path) -> None:
        with self.journal.open("a") as journal:
            journal.write("built\n")
        (folder / "result").write_text((folder / "source").read_text())


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "source").write_text("one")
    return Recipe(sources, tmp_path / "journal")


def times_built(recipe: Recipe) -> int:
    return recipe.journal.read_text().count("built\n")


def wait_for(condition: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + CEILING_S
    while not condition():
        assert time.monotonic() < give_up, f"waited {CEILING_S} s for {what}"
        time.sleep(0.01)


def building_process(recipe: Recipe, cache: Path, install: str) -> subprocess.Popen[str]:
    """Start a process that builds the recipe with other instructions, and prints the folder."""
    program = f"""
import sys, time
from pathlib import Path
from clients import test_toolchains, toolchains

class Recipe(test_toolchains.Recipe):
    def install(self, folder):
        {install}
        super().install(folder)

Path(sys.argv[4]).touch()
print(toolchains.built(Recipe(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3])))
"""
    started = cache.parent / f"started-{len(list(cache.parent.glob('started-*')))}"
    words = [sys.executable, "-c", program, *map(str, (recipe.sources, recipe.journal, cache, started))]
    import_root = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        words, env={**os.environ, "PYTHONPATH": import_root}, stdout=subprocess.PIPE, text=True
    )
    wait_for(started.exists, "the building process to start")
    return process


def test_a_second_build_is_the_first_one(recipe: Recipe, tmp_path: Path) -> None:
    folder = built(recipe, tmp_path / "cache")

    assert built(recipe, tmp_path / "cache") == folder
    assert (folder / "result").read_text() == "one"
    assert times_built(recipe) == 1


def test_changed_sources_and_other_ingredients_are_other_builds(recipe: Recipe, tmp_path: Path) -> None:
    first = built(recipe, tmp_path / "cache")
    (recipe.sources / "source").write_text("two")
    second = built(recipe, tmp_path / "cache")
    recipe.ingredients = ("another interpreter",)
    third = built(recipe, tmp_path / "cache")

    assert [(folder / "result").read_text() for folder in (first, second, third)] == ["one", "two", "two"]
    assert len({first, second, third}) == 3


def test_nothing_is_written_beside_the_sources(recipe: Recipe, tmp_path: Path) -> None:
    built(recipe, tmp_path / "cache")

    assert [path.name for path in recipe.sources.iterdir()] == ["source"]


def test_what_a_tool_left_beside_the_sources_is_not_copied(recipe: Recipe, tmp_path: Path) -> None:
    (recipe.sources / "node_modules").mkdir()
    (recipe.sources / "node_modules" / "package").write_text("left by hand")
    (recipe.sources / "src").mkdir()
    (recipe.sources / "src" / "main").write_text("a source in a folder")
    copy = tmp_path / "copy"
    copy.mkdir()
    copy_sources(recipe, copy)

    assert sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*")) == [
        "source",
        "src",
        "src/main",
    ]


def test_processes_that_want_the_same_build_make_it_once(recipe: Recipe, tmp_path: Path) -> None:
    cache, go_on = tmp_path / "cache", tmp_path / "go-on"
    wait = f"while not Path({str(go_on)!r}).exists(): time.sleep(0.01)"
    processes = [building_process(recipe, cache, wait) for _ in range(3)]
    go_on.touch()
    folders = {process.communicate(timeout=CEILING_S)[0] for process in processes}

    assert len(folders) == 1
    assert times_built(recipe) == 1


def test_a_build_that_was_killed_is_made_anew(recipe: Recipe, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    process = building_process(recipe, cache, '(folder / "half").touch(); time.sleep(3600)')
    wait_for(lambda: bool(list(cache.glob(".*/half"))), "the build to begin")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=CEILING_S)
    folder = built(recipe, cache)

    assert sorted(path.name for path in folder.iterdir()) == ["result", "source"]
    assert sorted(path.name for path in cache.iterdir()) == sorted([folder.name, "recipe.lock"])


def test_a_failed_command_tells_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as failure:
        run(["sh", "-c", "echo no such package; exit 3"], tmp_path)

    assert str(failure.value) == (
        f"sh -c echo no such package; exit 3 in {tmp_path}: expected status 0, got 3\nno such package\n"
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("tool 17.0.9", None),
        ("tool 21", None),
        ("tool version tool1.26.8 linux/amd64", None),
        ("\033[1mTool 3.8.7\033[0m", "sh is 3.8.7; 17 or newer is needed"),
        ("nothing", "sh does not say its version: 'nothing'"),
    ],
)
def test_versions_are_read_from_what_a_tool_prints(said: str, reason: str | None) -> None:
    oldest = (1, 21) if "tool1" in said else (17,)

    assert too_old("sh", ["sh", "-c", 'printf "%s" "$0"', said], oldest) == reason


def test_a_missing_tool_is_named() -> None:
    reason = too_old("no-such-tool", ["no-such-tool", "--version"], (2, 1))

    assert reason == "no-such-tool is not on PATH; 2.1 or newer is needed"


def test_clients_are_found_by_name() -> None:
    assert [client_named(client.name) for client in CLIENTS] == list(CLIENTS)
    with pytest.raises(ValueError, match=r"^client: expected one of curl, .*, got 'cobol'$"):
        client_named("cobol")
