"""The scripts that a person runs in a checkout: from another folder, in an environment without settings."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Programs that the scripts expect on any Unix besides Python, uv and curl.
COMMANDS = ("sh", "cat", "cmp", "dirname", "grep", "head", "ln", "mktemp", "readlink", "rm", "sleep", "tr")

# The files that a bootstrap needs.
FOLDERS = ("addon", "scripts")
FILES = (".python-version", "pyproject.toml", "constraints.txt", "hatch_build.py", "README.md", "LICENSE")

# A bootstrap installs from the package registry, which a machine on a journey does not reach.
in_ci = pytest.mark.skipif(
    os.environ.get("CI") != "true", reason="installs from the package registry: CI=true runs it"
)


type Result = subprocess.CompletedProcess[str]


def bare_environment(**more: str) -> dict[str, str]:
    return {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], **more}


def run(checkout: Path, script: str, *arguments: str, **environment: str) -> Result:
    """Run one of the scripts of a checkout from the folder that the checkout is in."""
    return subprocess.run(
        [checkout / "scripts" / script, *arguments],
        env=bare_environment(**environment),
        cwd=checkout.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def copy_of_checkout(folder: Path) -> Path:
    """Lay out the files that a bootstrap needs in a new folder, as a clone has them."""
    folder.mkdir()
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_of_checkout(tmp_path / "a checkout")


@pytest.fixture
def path_without_python(tmp_path: Path) -> str:
    """A PATH with the ordinary commands and neither Python nor uv."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for command in COMMANDS:
        found = shutil.which(command)
        assert found is not None, f"{command} is not on PATH"
        (folder / command).symlink_to(found)
    return str(folder)


class TestUsage:
    @pytest.mark.parametrize("script", ["bootstrap", "demo", "lint", "test"])
    def test_help_says_how_to_call_it_and_does_nothing_else(self, script: str, checkout: Path) -> None:
        result = run(checkout, script, "--help")
        assert result.stdout.startswith(f"usage: scripts/{script}")
        assert (result.returncode, result.stderr) == (0, "")
        assert not (checkout / ".venv").exists()

    @pytest.mark.parametrize("script", ["bootstrap", "demo", "lint"])
    def test_an_unknown_argument_is_refused(self, script: str, checkout: Path) -> None:
        result = run(checkout, script, "--hepl")
        assert result.stderr.startswith(f"usage: scripts/{script}")
        assert (result.returncode, result.stdout) == (2, "")


class TestBootstrapWithoutPython:
    def test_says_what_it_looked_for_and_what_to_install(
        self, checkout: Path, path_without_python: str, tmp_path: Path
    ) -> None:
        result = run(checkout, "bootstrap", HOME=str(tmp_path), PATH=path_without_python)
        assert result.returncode == 1
        assert "found no Python 3.12 or newer" in result.stderr
        assert "https://docs.astral.sh/uv/" in result.stderr
        assert not (checkout / ".venv").exists()

    def test_names_the_python_that_is_too_old(
        self, checkout: Path, path_without_python: str, tmp_path: Path
    ) -> None:
        # The real interpreter, in a checkout that asks for a newer one than there is.
        bootstrap = checkout / "scripts" / "bootstrap"
        bootstrap.write_text(bootstrap.read_text().replace("oldest_python=3.12", "oldest_python=4.0"))
        python = Path(path_without_python) / "python3"
        python.symlink_to(sys.executable)
        result = run(checkout, "bootstrap", HOME=str(tmp_path), PATH=path_without_python)
        assert result.returncode == 1
        assert re.search(rf"{re.escape(str(python))} is \d+\.\d+\.\d+ \(too old\)", result.stderr)


@in_ci
class TestBootstrap:
    def test_makes_the_environment_once_repairs_it_and_makes_it_anew_elsewhere(
        self, checkout: Path, tmp_path: Path
    ) -> None:
        self.interrupt(checkout)

        repaired = self.bootstrap(checkout)
        assert "the last bootstrap did not finish" in repaired
        self.assert_works(checkout)

        assert self.bootstrap(checkout) == ""

        moved = checkout.rename(tmp_path / "moved away")
        assert "making .venv" in self.bootstrap(moved)
        self.assert_works(moved)

    def bootstrap(self, checkout: Path) -> str:
        result = run(checkout, "bootstrap")
        assert (result.returncode, result.stdout) == (0, ""), result.stderr
        return result.stderr

    def interrupt(self, checkout: Path) -> None:
        """Begin to bootstrap, and end it as Ctrl-C does while it installs."""
        command = [checkout / "scripts" / "bootstrap"]
        process = subprocess.Popen(command, env=bare_environment(), start_new_session=True)
        while not (checkout / ".venv" / "bin" / "python").exists():
            assert process.poll() is None, "the bootstrap ended before it made .venv"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait() != 0
        assert (checkout / ".venv.unfinished").is_symlink()

    def assert_works(self, checkout: Path) -> None:
        programs = checkout / ".venv" / "bin"
        self.assert_succeeds(programs / "mitmdump", "--version")
        self.assert_succeeds(programs / "python", "-c", "import openai_replay, pytest")

    def assert_succeeds(self, *command: str | Path) -> None:
        subprocess.run(command, env=bare_environment(), check=True, stdout=subprocess.DEVNULL)


class TestDemo:
    @pytest.fixture(scope="class")
    def demo(self, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
        """The demo's run, and the folder of its temporary files."""
        if shutil.which("curl") is None and os.environ.get("CI") != "true":
            pytest.skip("curl, the demo's client, is not on PATH")
        temporary = tmp_path_factory.mktemp("demo")
        return run(ROOT, "demo", TMPDIR=str(temporary)), temporary

    def test_shows_the_chunks_of_a_recording_and_the_refusal_of_another_request(
        self, demo: tuple[Result, Path]
    ) -> None:
        result, _ = demo
        assert result.returncode == 0, result.stderr
        assert re.search(r'^  data: \{"id":"rec-[0-9a-f]{12}", … "delta":\{"content":', result.stdout, re.M)
        assert "  data: [DONE]\n" in result.stdout
        assert "No recording for POST /v1/chat/completions" in result.stdout
        named = re.search(r"recordings/[0-9a-f]{64}\.json", result.stdout)
        assert named is not None
        assert (ROOT / named[0]).is_file()

    def test_colours_only_a_terminal(self, demo: tuple[Result, Path]) -> None:
        result, _ = demo
        assert "\x1b" not in result.stdout

    def test_leaves_nothing_behind(self, demo: tuple[Result, Path]) -> None:
        _, temporary = demo
        assert list(temporary.iterdir()) == []

    def test_its_commands_can_be_copied(self, demo: tuple[Result, Path]) -> None:
        result, _ = demo
        commands = re.findall(r"^  \$ (.*\\\n.*)$", result.stdout, re.M)
        copied = [
            subprocess.run(
                ["sh", "-c", command],
                cwd=ROOT,
                env=bare_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            for command in commands
        ]
        assert ["1 replayed" in copied[0].stderr, "1 missed" in copied[1].stderr] == [True, True]
        assert "openai-replay run --mode record-if-missing" in copied[1].stderr

    def test_takes_an_environment_as_it_is(self, checkout: Path, tmp_path: Path) -> None:
        """One without the stamp of a bootstrap may have been made to try another mitmproxy."""
        if shutil.which("curl") is None and os.environ.get("CI") != "true":
            pytest.skip("curl, the demo's client, is not on PATH")
        shutil.copytree(ROOT / "recordings", checkout / "recordings")
        programs = checkout / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name in ("openai-replay", "python"):
            (programs / name).write_text(f'#!/bin/sh\nexec {ROOT}/.venv/bin/{name} "$@"\n')
            (programs / name).chmod(0o755)
        before = {path: path.read_bytes() for path in programs.iterdir()}
        result = run(checkout, "demo", TMPDIR=str(tmp_path))
        assert result.returncode == 0, result.stderr
        assert "scripts/bootstrap" not in result.stderr
        assert {path: path.read_bytes() for path in programs.iterdir()} == before
        assert not (checkout / ".venv" / "bootstrap-stamp").exists()

    def test_says_that_it_needs_curl(self, path_without_python: str, tmp_path: Path) -> None:
        result = run(ROOT, "demo", HOME=str(tmp_path), PATH=path_without_python)
        assert result.returncode == 1
        assert "curl is not on PATH" in result.stderr
