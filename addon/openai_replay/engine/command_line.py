"""The engine's command line: the subset of mitmdump's options that makes sense for replay by base URL."""

from __future__ import annotations

import argparse
import re
import ssl
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from ..errors import BadOption
from ..options import OPTIONS, Mode, Settings, given_values, meant_as_ours, refuse_unknown
from ..options_file import Value, resolve
from ..service.base_url import refuse_unrecorded
from ..service.workers import DEFAULT_PORT, port_number

_DEFAULT_MODE = "reverse:https://api.openai.com"
_BAD_ARGUMENTS = 1
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """The API that the engine stands for: the start of its URLs."""

    scheme: str
    host: str
    port: int

    def origin(self) -> str:
        """Return the URL without path; the scheme's default port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (
            "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        )


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The command line: `mode` as it was given, `certificate` a PEM file with a key and its certificates, or None."""

    host: str
    port: int
    mode: str
    given: Mapping[str, Value]
    foreign: tuple[str, ...]
    certificate: Path | None
    is_quiet: bool


def parse(arguments: Sequence[str]) -> CommandLine:
    """Read the command line.

    Raises:
        SystemExit: it makes no sense, with argparse's message.
        BadOption: `--set` names an option that is misspelt, or gives several values where one is expected.
    """
    known = _parser().parse_args(list(arguments))
    given, foreign = _options(known.options)
    file = known.certificates.rpartition("=")[2]
    certificate = Path(file).expanduser().absolute() if file else None
    return CommandLine(known.host, known.port, known.mode, given, foreign, certificate, known.quiet)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with the status that mitmdump ends with, which is not argparse's."""
        self.print_usage(sys.stderr)
        self.exit(_BAD_ARGUMENTS, f"{self.prog}: error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="openai-replay serve --engine uvicorn", allow_abbrev=False)
    parser.add_argument("--listen-host", dest="host", default="", metavar="HOST")
    parser.add_argument(
        "-p", "--listen-port", dest="port", type=port_number, default=DEFAULT_PORT, metavar="PORT"
    )
    parser.add_argument("-m", "--mode", default=_DEFAULT_MODE, metavar="reverse:URL")
    parser.add_argument("--set", dest="options", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--certs", dest="certificates", default="", metavar="PEM-FILE")
    parser.add_argument("-q", "--quiet", action="store_true")
    return parser


def _options(texts: Iterable[str]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Return the options of the addon by name, and the names of others, which are mitmproxy's."""
    known = {option.name for option in OPTIONS}
    pairs = [(name, value) for name, _, value in (text.partition("=") for text in texts)]
    foreign = tuple(name for name, _ in pairs if name not in known)
    for name in foreign:
        _refuse_short(name, known)
    refuse_unknown(meant_as_ours(foreign, known), known, "option")
    return given_values(pairs), foreign


def _refuse_short(name: str, known: Container[str]) -> None:
    """Refuse a name as the options file spells it, unless mitmproxy has an option of that name."""
    full = f"recording_{name}"
    if full in known and name != "mode":
        raise BadOption(f"unknown option {name}: did you mean {full}?")


def target(mode: str) -> Target:
    """Read the mode `reverse:URL`.

    Raises:
        BadOption: it is another of mitmproxy's modes, or the URL is none.
    """
    match = re.fullmatch(r"reverse:(?:(?P<scheme>https?)://)?(?P<rest>[^/@]+)/?", mode)
    parts = urlsplit(f"{match['scheme'] or 'https'}://{match['rest']}") if match else None
    try:
        if parts is not None and parts.hostname:
            return Target(parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme])
    except ValueError:  # a port that is no number
        pass
    raise BadOption(
        f"mode={mode}: expected reverse:https://HOST or reverse:http://HOST:PORT, as base URLs need"
    )


def checked(command_line: CommandLine, api: Target, environment: Mapping[str, str]) -> Settings:
    """Return the settings of a run, by command line, environment and options file.

    Raises:
        BadOption: an option makes no sense; the message names it, its value and the allowed values.
    """
    settings = resolve(command_line.given, environment)
    refuse_unrecorded(command_line.mode, api.host, api.port, settings)
    if settings.mode is not Mode.REPLAY:
        raise BadOption(
            f"recording_mode={settings.mode.value!r}: expected replay, the engine has no way to the API"
        )
    if command_line.certificate is not None:
        _check_certificate(command_line.certificate)
    return settings


def _check_certificate(path: Path) -> None:
    """Check that a server can use a certificate.

    Raises:
        BadOption: the file cannot be read, lacks the key or its certificate, or the key needs a password.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, password=lambda: "")
    except OSError as exc:  # also an SSLError
        raise BadOption(
            f"certs={str(path)!r}: expected a PEM file with a key without password and its certificates, {exc}"
        ) from exc
