"""Spell options by front end: `--mode record` for `openai-replay run`, `--set recording_mode=record` for mitmdump.

A hint that names an option can be pasted only in the spelling of the program that the user has started. That program
names itself to its proxy by an environment variable.
"""

from __future__ import annotations

import enum
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

# The environment variable in which a front end names itself to its proxy.
FRONT_END = "OPENAI_REPLAY_FRONT_END"

# An option in a message that advises it, as messages of the layers below have it.
_ADVISED = re.compile(r"\bwith (?P<name>recording_\w+)=(?P<value>[\w-]+)")

# The place of the log in messages of the layers below. pytest reads the log of its proxy, and shows it at its end.
_LOG = "the proxy's log"

_PREFIX = "recording_"

_API_ORIGIN = "https://api.openai.com"


class FrontEnd(enum.Enum):
    """The program that the user has started, by its command."""

    MITMDUMP = "mitmdump"
    SERVE = "openai-replay serve"
    ENGINE = "openai-replay serve --engine uvicorn"
    RUN = "openai-replay run"
    PYTEST = "pytest"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> FrontEnd:
        """Return the front end that an environment names; without a name, the user has started mitmdump."""
        named = environment.get(FRONT_END)
        return next((one for one in cls if one.value == named), cls.MITMDUMP)

    @classmethod
    def of_command_line(cls, environment: Mapping[str, str]) -> FrontEnd:
        """Return the front end of a command of `openai-replay`: `run`, or the program that has started the command."""
        return cls.of({FRONT_END: cls.RUN.value, **environment})

    def flag(self, name: str) -> str:
        """Return the command-line flag for an option such as `recording_mode`, "" where there is none."""
        return _FLAGS.get(self, {}).get(name, "")

    def option(self, name: str, *values: str) -> str:
        """Return an option with its values as the user can write it: flags, or pytest's line of the options file."""
        if flag := self.flag(name):
            return " ".join(f"{flag} {shlex.quote(value)}" for value in values)
        if self is FrontEnd.PYTEST:
            return _in_file(name, values)
        return " ".join(f"--set {shlex.quote(f'{name}={value}')}" for value in values)

    def ignoring(self, rules: Sequence[str]) -> Iterator[str]:
        """Yield the lines that advise rules of recording_ignore: for the command line, and for the options file."""
        yield "  If this changes with each run, ignore it, both while recording and while replaying:"
        yield f"    {self.option('recording_ignore', *rules)}"
        if self is not FrontEnd.PYTEST:
            yield f"    or {_in_file('recording_ignore', rules)}"

    def command(self, name: str, value: str, origin: str = _API_ORIGIN) -> str:
        """Return the command that runs the front end with an option; `…` stands for the rest of the command.

        Args:
            name: an option that records. The engine cannot, so that `serve` takes its place, by base URL, too.
            origin: of the API that a base URL stands for, without a path.
        """
        mode = f" --mode {shlex.quote(f'reverse:{origin}')}" if self is FrontEnd.ENGINE else ""
        program = FrontEnd.SERVE if self is FrontEnd.ENGINE else self
        return f"{program.value}{mode} {self.option(name, value)} …"

    def reworded(self, message: str) -> str:
        """Return a message with the command of this front end for the option that it advises, and its log."""
        if self is FrontEnd.PYTEST:
            message = message.replace(_LOG, "pytest's summary")
        return _ADVISED.sub(lambda found: f"with {self.command(found['name'], found['value'])}", message)


_FLAGS: Mapping[FrontEnd, Mapping[str, str]] = {
    FrontEnd.RUN: {
        "recording_mode": "--mode",
        "recording_dir": "--dir",
        "recording_test_id": "--test-id",
        "against_mock": "--against-mock",
    },
    FrontEnd.PYTEST: {
        "recording_mode": "--recording-mode",
        "recording_dir": "--recording-dir",
        "against_mock": "--recording-against-mock",
    },
}


def _in_file(name: str, values: Sequence[str]) -> str:
    return f"{name.removeprefix(_PREFIX)} = {_toml(values)} (in openai-replay.toml beside the recordings)"


def _toml(values: Sequence[str]) -> str:
    """Return a TOML value: basic strings, whose escapes are JSON's (TOML 1.0, String)."""
    texts = [json.dumps(value, ensure_ascii=False) for value in values]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
