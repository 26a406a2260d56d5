"""Guess the test id of a cassette from its path.

pytest-recording writes `tests/cassettes/test_chat/TestIt.test_ask.yaml` for `tests/test_chat.py::TestIt::test_ask`,
pytest-vcr `tests/cassettes/test_ask.yaml` without the module. Other cassettes get their path as the test id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_ENDINGS = re.compile(r"(\.(ya?ml|json|har|jsonl|flows?|mitm|dump))?(\.gz)?$")
_OF_CLASS = re.compile(r"(?P<class>[A-Za-z_]\w*)\.(?P<function>[A-Za-z_]\w*.*)", re.DOTALL)

# pytest-recording's and pytest-vcr's folder.
_FOLDER = "cassettes"


def test_id_of(path: Path, pattern: str | None) -> str | None:
    """Return the test id for the exchanges of a file, None for none.

    Args:
        path: of the file.
        pattern: a test id for all files, in which `{name}`, `{folder}` and `{path}` stand for the file's name, the
            name of its folder, and its path, without ending; None to work it out.
    """
    relative = _short(path)
    name = _ENDINGS.sub("", relative.name)
    without_ending = relative.with_name(name).as_posix()
    if pattern is not None:
        parts = {"{name}": name, "{folder}": path.absolute().parent.name, "{path}": without_ending}
        return re.sub(r"\{(name|folder|path)\}", lambda match: parts[match[0]], pattern) or None
    return _pytest_node_id(path.absolute(), name) or without_ending


def _short(path: Path) -> Path:
    """Return a path relative to the working directory, as in node ids of pytest; of a file elsewhere, its end."""
    absolute = path.absolute()
    if absolute.is_relative_to(Path.cwd()):
        return absolute.relative_to(Path.cwd())
    return Path(*absolute.parts[-2:])


def _pytest_node_id(path: Path, name: str) -> str | None:
    """Return the node id of the test that a cassette's path names, None where no such test module is there."""
    match = _OF_CLASS.fullmatch(name)
    test = f"{match['class']}::{match['function']}" if match else name
    module = next(_modules(path.parent, match["function"] if match else name), None)
    return None if module is None else f"{_short(module).as_posix()}::{test}"


def _modules(folder: Path, test: str) -> Iterator[Path]:
    """Yield the test modules that a cassette in a folder may be of; none where several may be."""
    if folder.parent.name == _FOLDER:
        module = folder.parent.parent / f"{folder.name}.py"
        yield from [module] if module.is_file() else []
    elif folder.name == _FOLDER:
        function = re.compile(rf"def {re.escape(test.partition('[')[0])}\b")
        found = [file for file in sorted(folder.parent.glob("*.py")) if function.search(_text(file))]
        yield from found if len(found) == 1 else []


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
