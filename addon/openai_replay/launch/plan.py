"""The plan of a run: its options, checked, and how the command will reach the API."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadOption
from ..front_end import FrontEnd
from ..options import OPTIONS, Mode, Settings, given_values
from ..options_file import resolve
from .base_url import BASE_URL_VARIABLES, Target, original_base_url, target_of

_DEFAULT_HOSTS = next(option.default for option in OPTIONS if option.name == "recording_hosts")

# Of files for --report; without an ending it is JSON.
_REPORT_ENDINGS = (".html", ".htm", ".xml", ".json", "")

_NAMES = frozenset(option.name for option in OPTIONS)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of `openai-replay run`. None: the environment or the options file says, or the default holds.

    Attributes:
        log: show a line per request.
        reports: files for the report of the run, each in the form of its ending (.html, .xml for JUnit, else JSON).
        more: further options for the proxy, `NAME=VALUE` as mitmproxy's `--set` takes them.
    """

    mode: str | None = None
    directory: str | None = None
    test_id: str | None = None
    base_url: bool = False
    pass_key: bool = False
    fail_on_miss: bool = False
    fail_on_unused: bool = False
    fail_on_no_request: bool = False
    prune: bool = False
    against_mock: bool = False
    log: bool = False
    reports: tuple[Path, ...] = ()
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that makes sense: its settings, and how the command will reach the API.

    Attributes:
        given: the proxy's options that the command line gives, as (name, value); a list has its name several times.
        target: the API behind the base URL, None for a run through the proxy.
        own_base_url: the base URL that the user has set, "" for none.
    """

    options: RunOptions
    given: tuple[tuple[str, str], ...]
    settings: Settings
    target: Target | None
    own_base_url: str

    def unrecorded_base_url(self) -> str:
        """Return the user's base URL if it leads past the recorded hosts, "" otherwise."""
        if not self.own_base_url or self.target is not None:
            return ""
        try:
            authority = target_of({BASE_URL_VARIABLES[0]: self.own_base_url}).authority()
        except ValueError:
            return self.own_base_url
        return "" if self.settings.is_recorded(*authority) else self.own_base_url


def planned(options: RunOptions, environment: Mapping[str, str]) -> Plan:
    """Check the options, with the environment's and the options file's.

    Raises:
        BadOption: says which one makes no sense, in one line.
    """
    given = {**given_values(_pairs(options.more)), **_named_options(options)}
    target = _target(environment) if options.base_url else None
    checked = resolve(given, environment)
    _refuse_mock_in_replay(options, checked, FrontEnd.of_command_line(environment))
    _check_reports(options.reports)
    if added := _host_of_base_url(target, checked, environment):
        given["recording_hosts"] = (*(pattern.text for pattern in checked.hosts), added)
        checked = resolve(given, environment)
    of_mitmproxy = tuple(pair for pair in _pairs(options.more) if pair[0] not in _NAMES)
    return Plan(options, (*_flattened(given), *of_mitmproxy), checked, target, original_base_url(environment))


def _host_of_base_url(target: Target | None, checked: Settings, environment: Mapping[str, str]) -> str:
    """Return the host to record besides, "" for none: that of a base URL for which `recording_hosts` says nothing.

    With --base-url it is added in any case, because no other host can come to the proxy then.
    """
    if target is None:
        are_default = tuple(pattern.text for pattern in checked.hosts) == _DEFAULT_HOSTS
        with suppress(ValueError):  # which is for the program to say that reads the variable
            target = target_of(environment) if are_default and original_base_url(environment) else None
    if target is None or checked.is_recorded(*target.authority()):
        return ""
    return target.host_pattern()


def _refuse_mock_in_replay(options: RunOptions, checked: Settings, front_end: FrontEnd) -> None:
    if options.against_mock and checked.mode is Mode.REPLAY:
        raise BadOption(
            f"{front_end.flag('against_mock')}: expected {front_end.option('recording_mode', 'record')}, "
            "record-if-missing or live; replay asks no API"
        )


def _check_reports(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.name == "-":
            raise BadOption("--report -: expected a file; standard output is the command's")
        if path.is_dir() or not path.parent.is_dir():
            raise BadOption(f"--report {path}: expected a file in an existing folder")
        if path.suffix.lower() not in _REPORT_ENDINGS:
            raise BadOption(f"--report {path}: expected the ending .html, .xml (JUnit) or .json")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise BadOption(f"--report {path}: expected a file that can be written: permission denied")


def _named_options(options: RunOptions) -> dict[str, str]:
    """Return the options that have another name on the command line."""
    named = {
        "recording_mode": options.mode,
        "recording_dir": options.directory and str(Path(options.directory).expanduser().absolute()),
        "recording_test_id": options.test_id,
    }
    return {name: value for name, value in named.items() if value is not None}


def _pairs(texts: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadOption(f"--set {text!r}: expected NAME=VALUE, such as recording_hosts=api.openai.com")
        pairs.append((name, value))
    return pairs


def _flattened(given: Mapping[str, str | tuple[str, ...]]) -> list[tuple[str, str]]:
    return [
        (name, item)
        for name, value in given.items()
        for item in ((value,) if isinstance(value, str) else value)
    ]


def _target(environment: Mapping[str, str]) -> Target:
    try:
        return target_of(environment)
    except ValueError as exc:
        raise BadOption(str(exc)) from exc
