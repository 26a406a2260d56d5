"""Find the programs that a command runs: itself, or those of a `sh -c` text or a shell script."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import dropwhile
from pathlib import Path

_SHELLS = frozenset({"sh", "bash", "dash", "ksh", "zsh"})

# Programs that run the rest of their command line, and assignments before a program.
_BEFORE_PROGRAM = re.compile(r"env|exec|time|[A-Za-z_]\w*=.*", re.DOTALL)

# The flags of a shell up to `-c`, behind which its text stands: `-c`, `-ec`, `-euo pipefail -c`.
_WITH_TEXT = re.compile(r"-[a-z]*c")
_WITH_VALUE = re.compile(r"[-+][a-z]*o")

# `bash -c ./run-my-tests` is a text and a script.
_DEEPEST_SCRIPT = 2

# Larger scripts are not looked into: they do more than to call the tests.
_LONGEST_SCRIPT = 4096


def programs_of(
    command: Sequence[str],
    environment: Mapping[str, str],
    known: AbstractSet[str] = frozenset(),
    depth: int = _DEEPEST_SCRIPT,
) -> Iterator[str]:
    """Yield the names of the programs that a command runs, without their folders, as far as its text tells.

    `bash -c "cd web && npm test"` runs `cd` and `npm`, and so does a shell script of these words. A word of a shell's
    syntax, such as `if`, counts as a program.

    Args:
        environment: of the command; its PATH leads to a script.
        known: names of programs that are not looked into: a version manager has a shell script in place of `npm`.
        depth: how many texts within each other are looked into; a script may run itself.
    """
    words = _from_program(command)
    if not words:
        return
    name = Path(words[0]).name
    text = _text_of(words, environment) if depth and name not in known else None
    if text is None:
        yield name
        return
    for simple_command in _simple_commands(text):
        yield from programs_of(simple_command, environment, known, depth - 1)


def _from_program(words: Sequence[str]) -> Sequence[str]:
    """Return the words of a command from the name of its program on."""
    return list(dropwhile(_BEFORE_PROGRAM.fullmatch, words))


def _text_of(words: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the text that a shell runs for a command, None where the command is another program."""
    if Path(words[0]).name in _SHELLS:
        return _text_of_shell(words[1:])
    return _shell_script(shutil.which(words[0], path=environment.get("PATH")))


def _text_of_shell(arguments: Sequence[str]) -> str:
    """Return the text that a shell runs by its arguments: that of `-c`, or of a file, "" for none."""
    rest = iter(arguments)
    for argument in rest:
        if _WITH_TEXT.fullmatch(argument):
            return next(rest, "")
        if _WITH_VALUE.fullmatch(argument):
            next(rest, "")
        elif not argument.startswith(("-", "+")):
            return _if_short(_start_of(argument))
    return ""


def _simple_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command in a shell's text; nothing for a text with an open quote."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars=";&|()\n")
    lexer.whitespace = " \t\r"
    try:
        tokens = list(lexer)
    except ValueError:
        return
    words: list[str] = []
    for token in [*tokens, ";"]:
        if token and not token.strip(";&|()\n"):
            if words:
                yield words
            words = []
        else:
            words.append(token)


def _shell_script(path: str | None) -> str | None:
    """Return the text of a script whose first line names a shell, "" for a long one, None for any other program."""
    text = _start_of(path)
    first_line, _, _ = text.partition("\n")
    names = {Path(word).name for word in first_line.removeprefix("#!").split()}
    if not first_line.startswith("#!") or names.isdisjoint(_SHELLS):
        return None
    return _if_short(text)


def _if_short(text: str) -> str:
    return text if len(text) <= _LONGEST_SCRIPT else ""


def _start_of(path: str | None) -> str:
    """Return a file's text up to a character beyond the longest script, "" for no file; a pipe stays unread."""
    if path is None or not Path(path).is_file():
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST_SCRIPT + 1)
    except OSError:
        return ""
