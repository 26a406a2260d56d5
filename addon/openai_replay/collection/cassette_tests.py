"""Guess the test id of a cassette from its path.

pytest-recording writes `tests/cassettes/test_chat/TestIt.test_ask.yaml` for `tests/test_chat.py::TestIt::test_ask`,
pytest-vcr `tests/cassettes/test_ask.yaml` without the module. Other cassettes get their path as the test id. Paths are
relative to pytest's rootdir, as in node ids: the nearest folder above the cassette with a configuration of pytest.
Without one they are relative to the working directory, or else to the folder around all cassettes of the import. Two
cassettes never share a guessed id, for the same request in both would then be one series.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..errors import BadOption

_ENDINGS = re.compile(r"(\.(ya?ml|json|har|jsonl|httprr|flows?|mitm|dump|cassette))?(\.gz)?$")
_OF_CLASS = re.compile(r"(?P<class>[A-Za-z_]\w*)\.(?P<function>[A-Za-z_]\w*.*)", re.DOTALL)

_PLACEHOLDERS = ("{name}", "{folder}", "{path}")
_PLACEHOLDER = re.compile(r"\{\w*\}")

# pytest-recording's and pytest-vcr's folder.
_FOLDER = "cassettes"

# Files that configure pytest even when they are empty.
_PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")


class CassetteTests:
    """The test ids of the cassettes of one import."""

    def __init__(self, named: Iterable[Path], pattern: str | None) -> None:
        """Prepare to guess.

        Args:
            named: the files and folders that are imported.
            pattern: a test id for all files, in which `{name}`, `{folder}` and `{path}` stand for the file's name, the
                name of its folder, and its path, without ending; None to work each out.

        Raises:
            BadOption: the pattern has another placeholder.
        """
        for unknown in set(_PLACEHOLDER.findall(pattern or "")) - set(_PLACEHOLDERS):
            raise BadOption(f"--test-id {pattern!r}: expected {', '.join(_PLACEHOLDERS)}, got {unknown}")
        self._around = Path(os.path.commonpath([_folder(path.absolute()).parent for path in named]))
        self._pattern = pattern
        self._taken: set[str] = set()

    def test_id_of(self, path: Path) -> str | None:
        """Return the test id for the exchanges of a file, None for none."""
        relative = self._short(path.absolute())
        name = _ENDINGS.sub("", relative.name)
        without_ending = relative.with_name(name).as_posix()
        if self._pattern is not None:
            parts = dict(zip(_PLACEHOLDERS, (name, path.absolute().parent.name, without_ending), strict=True))
            return _PLACEHOLDER.sub(lambda match: parts[match[0]], self._pattern) or None
        guesses = (self._pytest_node_id(path.absolute(), name), without_ending, relative.as_posix())
        free = (guess for guess in guesses if guess is not None and guess not in self._taken)
        test_id = next(free, relative.as_posix())
        self._taken.add(test_id)
        return test_id

    def _short(self, path: Path) -> Path:
        """Return a path relative to pytest's rootdir, else to the working directory, else to the cassettes' folder."""
        around = _rootdir(path.parent)
        if around is None:
            around = Path.cwd() if path.is_relative_to(Path.cwd()) else self._around
        return path.relative_to(around) if path.is_relative_to(around) else path.relative_to(path.anchor)

    def _pytest_node_id(self, path: Path, name: str) -> str | None:
        """Return the node id of the test that a cassette's path names, None where no such test module is there."""
        folder, name = _with_folders(path.parent, name)
        match = _OF_CLASS.fullmatch(name)
        function = match["function"] if match else name
        module = next(_modules(folder, function), None)
        if module is None:
            return None
        classes = _classes(module, match["class"]) if match else ()
        return "::".join((self._short(module).as_posix(), *classes, function))


@cache
def _rootdir(folder: Path) -> Path | None:
    """Return the nearest folder with a configuration of pytest, None without one.

    See "Initialization: determining rootdir and configfile" in pytest's reference.
    """
    if any((folder / name).is_file() for name in _PYTEST_FILES) or _has_section(folder):
        return folder
    return None if folder == folder.parent else _rootdir(folder.parent)


def _has_section(folder: Path) -> bool:
    """Tell whether a file that other tools use as well configures pytest; a damaged one does not."""
    tool = _toml(folder / "pyproject.toml").get("tool")
    return (
        (isinstance(tool, dict) and "pytest" in tool)
        or _ini(folder / "tox.ini").has_section("pytest")
        or _ini(folder / "setup.cfg").has_section("tool:pytest")
    )


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _ini(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    with suppress(OSError, ValueError, configparser.Error):
        parser.read_string(path.read_text(encoding="utf-8"))
    return parser


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _with_folders(folder: Path, name: str) -> tuple[Path, str]:
    """Return a cassette's folder and name; pytest-vcr makes a folder of each slash in a test's parameters."""
    while name.endswith("]") and "[" not in name and folder.name not in ("", _FOLDER):
        folder, name = folder.parent, f"{folder.name}/{name}"
    return folder, name


def _modules(folder: Path, test: str) -> Iterator[Path]:
    """Yield the test modules that a cassette in a folder may be of; none where several may be."""
    if folder.parent.name == _FOLDER:
        module = folder.parent.parent / f"{folder.name}.py"
        yield from [module] if module.is_file() else []
    elif folder.name == _FOLDER:
        function = re.compile(rf"def {re.escape(test.partition('[')[0])}\b")
        found = [file for file in sorted(folder.parent.glob("*.py")) if function.search(_text(file))]
        yield from found if len(found) == 1 else []


def _classes(module: Path, name: str) -> tuple[str, ...]:
    """Return a class with the classes around it, the outermost first; a cassette's name has the innermost alone."""
    try:
        found = [*_nested(ast.parse(_text(module)), name)]
    except (SyntaxError, ValueError, RecursionError):
        found = []
    return found[0] if len(found) == 1 else (name,)


def _nested(tree: ast.Module | ast.ClassDef, name: str) -> Iterator[tuple[str, ...]]:
    for inner in (statement for statement in tree.body if isinstance(statement, ast.ClassDef)):
        if inner.name == name:
            yield (name,)
        yield from ((inner.name, *rest) for rest in _nested(inner, name))


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
