"""`openai-replay.toml`: options that lie beside the recordings, and the order in which options override each other.

The file holds the options of a recordings folder under their names without `recording_`, so that recording and
replaying agree on them. Command line, then environment, then this file, then the default.
"""

from __future__ import annotations

import ast
import difflib
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import BadOption
from .options import OPTIONS, Option, Settings, environment_values, settings

NAME = "openai-replay.toml"

_PREFIX = "recording_"

# The option that says where the file is.
_DIRECTORY = "recording_dir"

type Value = str | tuple[str, ...]

_IN_FILE = {option.name.removeprefix(_PREFIX): option for option in OPTIONS if option.name != _DIRECTORY}


@dataclass(frozen=True, slots=True)
class OptionsFile:
    """The options of one file: `values` by the option's full name, `text` for the line numbers of messages."""

    path: Path
    text: str
    values: Mapping[str, Value]

    def located(self, problem: BadOption) -> BadOption:
        """Return the problem with a value of this file, with the file's line and the name in the file."""
        message = str(problem).removeprefix(_PREFIX)
        match = _SUBJECT.match(message)
        if match is None:
            return BadOption(f"{self.path}: {message}")
        item = ast.literal_eval(match["item"]) if match["item"] else ""
        return _problem(self.path, _line_of(self.text, match["name"], item), message)


_SUBJECT = re.compile(r"""(?P<name>\w+)(?:=(?P<item>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))?""")


def resolve(given: Mapping[str, Value], environment: Mapping[str, str]) -> Settings:
    """Return the settings of a run.

    Args:
        given: the options of the command line, by name.
        environment: the environment's variables.

    Raises:
        BadOption: an option makes no sense; the message names it, its place and the allowed values.
    """
    above = {**environment_values(environment), **given}
    values = {option.name: option.default for option in OPTIONS} | above
    file = read_options_file(Path(str(values[_DIRECTORY])).expanduser().absolute())
    if file is None:
        return settings(values)
    try:
        return settings({**values, **file.values, **above})
    except BadOption as exc:
        name = str(exc).partition("=")[0].partition(" ")[0]
        raise exc if name in above or name not in file.values else file.located(exc) from exc


def read_options_file(directory: Path) -> OptionsFile | None:
    """Read the options file of a recordings folder; None when the folder has none.

    Raises:
        BadOption: it cannot be read, is no TOML, has an unknown name, or a value of another type than the option.
    """
    path = directory / NAME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise BadOption(f"{path}: expected a readable text file, {exc}") from exc
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise BadOption(f"{path}: expected TOML, {exc}") from exc
    return OptionsFile(path, text, dict(_values(path, text, found)))


def _values(path: Path, text: str, found: Mapping[str, object]) -> Iterator[tuple[str, Value]]:
    for name, value in found.items():
        option = _IN_FILE.get(name)
        if option is None:
            raise _problem(path, _line_of(text, name), f"unknown option {name}: {_hint(name)}")
        converted = _converted(option, value)
        if converted is None:
            expected = "a text" if isinstance(option.default, str) else "a list of texts"
            raise _problem(path, _line_of(text, name), f"{name}={value!r}: expected {expected}")
        yield option.name, converted


def _hint(name: str) -> str:
    if name.removeprefix(_PREFIX) == _DIRECTORY.removeprefix(_PREFIX):
        return "the file applies to the folder that it lies in"
    near = difflib.get_close_matches(name.removeprefix(_PREFIX), _IN_FILE, 1)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(sorted(_IN_FILE))}"


def _converted(option: Option, value: object) -> Value | None:
    """Return a TOML value as the option has it; None where it is of another type."""
    text = _scalar(value)
    if isinstance(option.default, str):
        return text
    if text is not None:
        return (text,)
    items = tuple(_scalar(item) for item in value) if isinstance(value, list) else (None,)
    return None if None in items else tuple(str(item) for item in items)


def _scalar(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def _problem(path: Path, line: int, message: str) -> BadOption:
    return BadOption(f"{path} line {line}: {message}")


def _line_of(text: str, name: str, item: str = "") -> int:
    """Return the number of the line where a name is set, or where an item of its value stands.

    A name is set by the first lines of the file that are TOML by themselves and have it.
    """
    lines = text.splitlines()
    first = 1
    for number in range(1, len(lines) + 1):
        found = _maybe_toml("\n".join(lines[:number]))
        if found is not None and name in found:
            value = range(first, number + 1)
            return next((n for n in value if item and item in lines[n - 1]), first)
        if found is not None:
            first = number + 1
    return first


def _maybe_toml(text: str) -> dict[str, object] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


# --- a new file ---

_HEAD = """\
# Options of the recordings in this folder. While recording and while replaying they must be the same, so they belong
# into version control. The command line (--set recording_NAME=…) and the environment (OPENAI_RECORDING_NAME) override
# this file. Remove the # in front of a line to set an option.
"""

# Options of a single run. In the file they would surprise a person in a later run.
_OF_A_RUN = ("mode", "test_id", "report")


def template() -> str:
    """Return a new options file: each option with its help and its default, commented out."""
    options = [(name, option) for name, option in _IN_FILE.items() if name not in _OF_A_RUN]
    return "\n".join([_HEAD, *(_entry(name, option) for name, option in options)])


def _entry(name: str, option: Option) -> str:
    comment = textwrap.fill(option.help, 116, initial_indent="# ", subsequent_indent="# ")
    return f"{comment}\n# {name} = {_toml(option.default)}\n"


def _toml(value: Value) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    return f"[{', '.join(map(_toml, value))}]"
