"""The package: a wheel, installed into a separate environment."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.proxy import ROOT, bare_environment, wait_until
from support.requests import CHAT_URL

CHAT = '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Say hello from a recording."}]}'


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel that was made from a source distribution, and that."""
    folder = tmp_path_factory.mktemp("dist")
    script = (
        "import sys, hatchling.build as build\n"
        "print((build.build_sdist if sys.argv[2] == 'sdist' else build.build_wheel)(sys.argv[1]))"
    )
    command = [sys.executable, "-c", script, str(folder)]
    subprocess.run([*command, "sdist"], cwd=ROOT, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    subprocess.run([*command, "wheel"], cwd=source, check=True, capture_output=True)
    return folder


def wheel(folder: Path) -> Path:
    (path,) = folder.glob("*.whl")
    return path


def metadata(folder: Path) -> list[str]:
    with zipfile.ZipFile(wheel(folder)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name).decode().splitlines()


def test_the_wheel_holds_the_package_the_script_and_the_licence(built: Path) -> None:
    with zipfile.ZipFile(wheel(built)) as archive:
        names = archive.namelist()
    for name in ("proxy/addon.py", "sdk/classes.json", "_script/replay.py", "proxy/companion/companion.py"):
        assert f"openai_replay/{name}" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"openai_replay"}


def test_the_metadata_is_what_a_package_index_shows(built: Path) -> None:
    lines = metadata(built)
    for line in (
        "Name: openai-replay",
        "License-Expression: MIT",
        "License-File: LICENSE",
        "Requires-Python: >=3.12",
        "Description-Content-Type: text/markdown",
    ):
        assert line in lines
    assert "# openai-replay" in lines


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:
    """The programs' folder of an empty environment that the wheel was installed into."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    requirements = ["--quiet", "--constraint", str(ROOT / "constraints.txt"), str(wheel(built))]
    if uv := shutil.which("uv"):
        make = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
        install = [uv, "pip", "install", "--python", str(folder / "bin" / "python"), *requirements]
    else:
        make = [sys.executable, "-m", "venv", str(folder)]
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", *requirements]
    subprocess.run(make, check=True, capture_output=True)
    ended = subprocess.run(install, capture_output=True, text=True, check=False)
    if ended.returncode != 0 and not os.environ.get("CI"):
        pytest.skip(f"the wheel's requirements cannot be installed here: {ended.stderr[-500:]}")
    assert ended.returncode == 0, ended.stderr
    return folder / "bin"


def test_an_installed_package_replays_in_front_of_a_command(installed: Path, tmp_path: Path) -> None:
    ask = ["curl", "-sS", CHAT_URL, "-d", CHAT]
    result = subprocess.run(
        [installed / "openai-replay", "run", "--dir", ROOT / "recordings", "--", *ask],
        capture_output=True,
        env=bare_environment(tmp_path),
        cwd=tmp_path,
        check=False,
    )
    assert json.loads(result.stdout)["object"] == "chat.completion", result.stderr
    assert result.stderr.startswith(b"openai-replay: 1 replayed, 0 recorded, 0 missed, ")


def test_mitmdump_loads_the_addon_of_an_installed_package(installed: Path, tmp_path: Path) -> None:
    folder = str(ROOT / "recordings")
    environment = bare_environment(tmp_path, PYTHONUNBUFFERED="1", OPENAI_RECORDING_DIR=folder)
    script = subprocess.run(
        [installed / "openai-replay", "addon"], capture_output=True, text=True, env=environment, check=True
    ).stdout.strip()
    assert script.endswith("/openai_replay/_script/replay.py")
    with open(tmp_path / "log", "wb") as log:
        mitmdump = subprocess.Popen(
            [str(installed / "mitmdump"), "-s", script, "--listen-host", "127.0.0.1", "--listen-port", "0"],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=environment,
        )
    try:
        wait_until(
            lambda: mitmdump.poll() is not None or b"listening at" in (tmp_path / "log").read_bytes(),
            "mitmdump listens",
        )
        assert mitmdump.poll() is None, (tmp_path / "log").read_text()
    finally:
        mitmdump.terminate()
        mitmdump.wait()
