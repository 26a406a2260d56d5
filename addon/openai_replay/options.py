"""The options: their names, defaults and checks. A value that makes no sense is an error, never a guess."""

from __future__ import annotations

import difflib
import enum
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import BadOption
from .limits import MOST_BODY_BYTES
from .modes import Mode as Mode
from .request.ignoring import IgnoreRule, ReferenceReading, ignore_rules
from .request.redaction import Redactor, redactor
from .trouble.fault_rules import parse_fault
from .trouble.made_headers import MadeHeaders, parse_made_headers
from .trouble.pacing import parse_pacing
from .trouble.retry_after import parse_cap
from .trouble.terms import Terms

ENVIRONMENT_PREFIX = "OPENAI_"


class MatchPolicy(enum.Enum):
    """May a recording of another test answer when this test has none?"""

    PREFER = "prefer"
    REQUIRE = "require"


class OtherHosts(enum.Enum):
    """Treatment of connections to hosts that are not recorded."""

    TUNNEL = "tunnel"
    REFUSE = "refuse"


class WebSocketPolicy(enum.Enum):
    """Treatment of an upgrade to a WebSocket at a recorded host."""

    RECORD = "record"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Option:
    """One option as mitmproxy registers it. A `default` that is a tuple makes it repeatable."""

    name: str
    default: str | tuple[str, ...]
    help: str
    separators: str = "\n"

    def environment_name(self) -> str:
        """Return the name of the environment variable that sets the option."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    def parsed(self, text: str) -> str | tuple[str, ...]:
        """Return the value that an environment variable's text stands for."""
        if isinstance(self.default, str):
            return text
        items = (item.strip() for item in re.split(f"[{self.separators}]", text))
        return tuple(item for item in items if item)

    def given(self, texts: Sequence[str]) -> str | tuple[str, ...]:
        """Return the value that `--set` gives, each time with one of `texts`.

        Raises:
            BadOption: an option with one value got none or several.
        """
        if not isinstance(self.default, str):
            return tuple(texts)
        if len(texts) != 1:
            raise BadOption(f"{self.name}: expected one value, got {', '.join(map(repr, texts)) or 'none'}")
        return texts[0]


OPTIONS = (
    Option(
        "recording_mode",
        Mode.REPLAY.value,
        "The mode for requests to recorded hosts: replay answers from recordings and never connects; record asks "
        "upstream and overwrites; record-if-missing replays earlier recordings and records all other requests; live "
        "passes everything through and writes nothing.",
    ),
    Option("recording_dir", "recordings", "The folder of the recordings, read with its subfolders."),
    Option(
        "recording_hosts",
        ("api.openai.com", "*.api.openai.com"),
        "Hosts that are recorded and replayed, as name, *.name or name:port; with + before it, besides the default.",
        separators=r",\s",
    ),
    Option(
        "recording_other_hosts",
        "tunnel",
        "Treatment of all other hosts: tunnel passes them untouched; refuse answers with an error that names the host.",
    ),
    Option("recording_test_id", "", "The test id of requests without one."),
    Option(
        "recording_test_match",
        MatchPolicy.PREFER.value,
        "May a recording of another test answer when this test has none: prefer (its own first) or require.",
    ),
    Option(
        "recording_ignore",
        (),
        "A path into the request's body that is left out of matching, such as metadata.run_id; "
        "with =REGEX after it, only matches of the expression in the strings there. Or one of @uuid, @date, @codex "
        "and @reference.",
    ),
    Option(
        "recording_redact",
        (),
        "A regular expression whose matches are replaced by REDACTED before anything is written, besides API keys.",
    ),
    Option(
        "recording_websocket",
        WebSocketPolicy.RECORD.value,
        "Treatment of WebSockets to recorded hosts: record treats them like other requests, by recording_mode; "
        "refuse answers the upgrade with 426, in every mode, and clients such as Codex use HTTP instead.",
    ),
    Option(
        "recording_timing",
        "false",
        "true: keep, while recording, when each chunk or message came, for recording_pacing=recorded.",
    ),
    Option(
        "recording_pacing",
        "instant",
        "How fast replay sends answers: instant; recorded, with the recorded delays; 2x or 0.5x of that speed; or "
        "ttft=80ms,gap=12ms±20%,seed=1 with made-up delays. The header X-Replay-Pacing sets it for one request.",
    ),
    Option(
        "recording_faults",
        (),
        "A fault for replay to put into recorded answers, such as rate_limit;retry_after=2;first=2 or "
        "cut_after=12;p=0.1;seed=7. The header X-Replay-Fault sets it for one request.",
    ),
    Option(
        "recording_retry_after",
        "recorded",
        "The longest time that the retry-after of a replayed failure may say, 0.5 or 500ms, or recorded.",
    ),
    Option(
        "recording_made_headers",
        (),
        "Headers for replay to make up, which no recording keeps: x-request-id, or x-ratelimit=REQUESTS/TOKENS, the "
        "limits for a minute.",
    ),
    Option(
        "recording_ids",
        "normalised",
        "normalised: record completions with the same id and time each time, so that recordings change little; kept: "
        "with the id and created that the API sent.",
    ),
    Option(
        "recording_replace",
        "failures",
        "Recordings of an earlier run that a failed call may replace: failures, so that a recorded success stays; "
        "any: a success, too.",
    ),
    Option(
        "recording_max_body",
        str(MOST_BODY_BYTES),
        "The most bytes that an answer may have, once its compression is undone, to be recorded.",
    ),
    Option("recording_report", "", "A file that the report of the run is written to when the proxy ends."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, checked and in the types that the package works with."""

    mode: Mode
    directory: Path
    hosts: tuple[HostPattern, ...]
    other_hosts: OtherHosts
    test_id: str | None
    test_match: MatchPolicy
    ignore: tuple[IgnoreRule | ReferenceReading, ...]
    redactor: Redactor
    websocket: WebSocketPolicy
    report: Path | None
    keeps_times: bool
    keeps_ids: bool
    replaces_any: bool
    most_body_bytes: int
    terms: Terms
    made_headers: MadeHeaders

    def is_recorded(self, host: str, port: int) -> bool:
        """Tell whether `host` (a name, in any case) at `port` is one of `recording_hosts`."""
        return any(pattern.matches(host, port) for pattern in self.hosts)


@dataclass(frozen=True, slots=True)
class HostPattern:
    """One of `recording_hosts`: a name, where `*.` stands for one or more labels before it, and maybe a port."""

    text: str
    name: str
    port: int | None
    _regex: re.Pattern[str]

    def matches(self, host: str, port: int) -> bool:
        """Tell whether a host and port are meant; letter case and a dot at the end make no difference."""
        return (self.port is None or self.port == port) and self._regex.fullmatch(
            host.rstrip(".")
        ) is not None

    def examples(self) -> tuple[str, ...]:
        """Return authorities, as `host:port`, that the pattern matches."""
        hosts = (
            [self.name] if not self.text.startswith("*.") else [f"any.{self.name}", f"any.other.{self.name}"]
        )
        return tuple(f"{host}:{self.port or port}" for host in hosts for port in (443, 80))

    def authority_regex(self) -> str:
        """Return an expression for mitmproxy's `allow_hosts`, which looks at `host:port`."""
        return f"^{self._regex.pattern}\\.?:{self.port or '[0-9]+'}$"


def environment_values(environment: Mapping[str, str]) -> dict[str, str | tuple[str, ...]]:
    """Return the options that the environment sets; an empty variable sets none.

    Raises:
        BadOption: a variable has the name of no option, though it begins like one.
    """
    known = {option.environment_name(): option for option in OPTIONS}
    refuse_unknown(meant_as_ours(environment, known), known, "environment variable")
    return {
        option.name: option.parsed(environment[name])
        for name, option in known.items()
        if environment.get(name)
    }


def given_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str | tuple[str, ...]]:
    """Return the addon's options among pairs of name and text, as the texts after `--set` have them.

    Raises:
        BadOption: an option with one value got several.
    """
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text)
    known = {option.name: option for option in OPTIONS}
    return {name: known[name].given(given) for name, given in texts.items() if name in known}


def default_values(environment: Mapping[str, str]) -> dict[str, str | tuple[str, ...]]:
    """Return each option's default: the environment's value, else the built-in one.

    Raises:
        BadOption: a variable has the name of no option, though it begins like one.
    """
    return {option.name: option.default for option in OPTIONS} | environment_values(environment)


# How alike two names are (by difflib, from 0 to 1) of which one is taken for a misspelling of the other.
_MISSPELT = 0.85

# Taken for the prefix of options: the project's name suggests it.
_OTHER_PREFIX = "replay_"
_WITHOUT_PREFIX = [option.name.removeprefix("recording_") for option in OPTIONS]


def meant_as_ours(names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Yield the names that can only mean one of the addon's options: the known names, and similar ones.

    A name that begins with `recording` is always similar; one that begins with `replay_` is, such as
    `OPENAI_REPLAY_FAULTS`, if the rest is an option's. Other variables that begin so are the package's, or the user's.
    """
    known = list(known)
    for name in names:
        bare = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        of_replay = bare.removeprefix(_OTHER_PREFIX) if bare.startswith(_OTHER_PREFIX) else ""
        if (
            bare.startswith("recording")
            or difflib.get_close_matches(of_replay, _WITHOUT_PREFIX, 1, _MISSPELT)
            or difflib.get_close_matches(name, known, 1, _MISSPELT)
        ):
            yield name


def refuse_unknown(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise BadOption for the first of `names` that is not `known`, with the nearest known name."""
    known = sorted(known)
    for name in names:
        if name not in known:
            near = nearest_name(name, known)
            hint = f"did you mean {near}?" if near else f"expected one of {', '.join(known)}"
            raise BadOption(f"unknown {what} {name}: {hint}")


def nearest_name(name: str, known: Sequence[str]) -> str:
    """Return the known name that a misspelt one most likely stands for, maybe without its prefix; "" for none."""
    near = difflib.get_close_matches(name, known, 1)
    return next(iter(near or difflib.get_close_matches(f"recording_{name}", known, 1, _MISSPELT)), "")


def settings(values: Mapping[str, object]) -> Settings:
    """Check the options' values.

    Args:
        values: a str or a sequence of str for each name in OPTIONS.

    Raises:
        BadOption: a value makes no sense; the message names option, value and allowed values in one line.
    """
    mode = Mode(_one_of("recording_mode", values, [mode.value for mode in Mode]))
    return Settings(
        mode=mode,
        directory=_directory(values, mode),
        hosts=_hosts(values),
        other_hosts=OtherHosts(
            _one_of("recording_other_hosts", values, [policy.value for policy in OtherHosts])
        ),
        test_id=_text("recording_test_id", values) or None,
        test_match=MatchPolicy(
            _one_of("recording_test_match", values, [match.value for match in MatchPolicy])
        ),
        ignore=ignore_rules(_texts("recording_ignore", values)),
        redactor=redactor(_texts("recording_redact", values)),
        websocket=WebSocketPolicy(
            _one_of("recording_websocket", values, [policy.value for policy in WebSocketPolicy])
        ),
        report=_report(values),
        keeps_ids=_one_of("recording_ids", values, ("normalised", "kept")) == "kept",
        replaces_any=_one_of("recording_replace", values, ("failures", "any")) == "any",
        most_body_bytes=_size("recording_max_body", values),
        keeps_times=_one_of("recording_timing", values, ("false", "true")) == "true",
        terms=_terms(values),
        made_headers=_made_headers(values),
    )


def _made_headers(values: Mapping[str, object]) -> MadeHeaders:
    try:
        return parse_made_headers(_texts("recording_made_headers", values))
    except ValueError as exc:
        raise BadOption(f"recording_made_headers={exc}") from exc


def _terms(values: Mapping[str, object]) -> Terms:
    return Terms(
        pacing=_parsed("recording_pacing", parse_pacing, _text("recording_pacing", values)),
        faults=tuple(
            _parsed("recording_faults", parse_fault, text) for text in _texts("recording_faults", values)
        ),
        most_wait_s=_parsed("recording_retry_after", parse_cap, _text("recording_retry_after", values)),
    )


def _parsed[T](name: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as exc:
        raise BadOption(f"{name}={text!r}: {exc}") from exc


def _size(name: str, values: Mapping[str, object]) -> int:
    text = _text(name, values)
    if not re.fullmatch("[1-9][0-9]{0,17}", text, re.ASCII):
        raise BadOption(f"{name}={text!r}: expected a number of bytes, such as {MOST_BODY_BYTES}")
    return int(text)


def _text(name: str, values: Mapping[str, object]) -> str:
    value = values[name]
    if not isinstance(value, str):
        raise BadOption(f"{name}={value!r}: expected a text")
    return value


def _texts(name: str, values: Mapping[str, object]) -> Sequence[str]:
    value = values[name]
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadOption(f"{name}={value!r}: expected a list of texts")
    return [str(item) for item in value]


def _one_of(name: str, values: Mapping[str, object], allowed: Sequence[str]) -> str:
    value = _text(name, values)
    if value not in allowed:
        raise BadOption(f"{name}={value!r}: expected one of {', '.join(allowed)}")
    return value


def _directory(values: Mapping[str, object], mode: Mode) -> Path:
    value = _text("recording_dir", values)
    if not value:
        raise BadOption("recording_dir='': expected the folder of the recordings")
    path = Path(value).expanduser().absolute()
    if os.path.exists(path) and not path.is_dir():
        raise BadOption(f"recording_dir={value!r}: expected a folder, {path} is a file")
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise BadOption(
            f"recording_dir={value!r}: expected a folder that can be read, {path} cannot: permission denied"
        )
    if mode in (Mode.RECORD, Mode.RECORD_IF_MISSING) and (refused := _refused_folder(path)):
        raise BadOption(f"recording_dir={value!r}: expected a folder that can be written, {refused}")
    if mode is Mode.REPLAY and not os.path.exists(path):
        raise BadOption(
            f"recording_dir={value!r}: expected an existing folder to replay from, {path} does not exist "
            "(record first, with recording_mode=record)"
        )
    return path


def _refused_folder(path: Path) -> str:
    """Return the folder, of `path` and those above it, in which new files are refused, with the reason; "" for none."""
    existing = next(folder for folder in (path, *path.parents) if os.path.exists(folder))
    if os.access(existing, os.W_OK | os.X_OK):
        return ""
    is_read_only = os.statvfs(existing).f_flag & os.ST_RDONLY
    return f"{existing} cannot: {'read-only file system' if is_read_only else 'permission denied'}"


def _report(values: Mapping[str, object]) -> Path | None:
    value = _text("recording_report", values)
    if not value:
        return None
    path = Path(value).expanduser().absolute()
    if path.is_dir() or not path.parent.is_dir():
        raise BadOption(f"recording_report={value!r}: expected a file in an existing folder")
    return path


_DEFAULT_HOSTS = next(option.default for option in OPTIONS if option.name == "recording_hosts")


def _hosts(values: Mapping[str, object]) -> tuple[HostPattern, ...]:
    texts = _texts("recording_hosts", values)
    if not texts:
        raise BadOption("recording_hosts is empty: expected at least one host name, such as api.openai.com")
    replacing = [text for text in texts if not text.startswith("+")]
    added = [text.removeprefix("+") for text in texts if text.startswith("+")]
    return tuple(_host_pattern(text) for text in dict.fromkeys((*(replacing or _DEFAULT_HOSTS), *added)))


def host_values(hosts: Iterable[HostPattern], more: Iterable[str]) -> tuple[str, ...]:
    """Return values of `recording_hosts` for some hosts and more; defaults among them are left to the option."""
    texts = [host.text for host in hosts]
    if set(texts) >= set(_DEFAULT_HOSTS):
        texts = [f"+{text}" for text in texts if text not in _DEFAULT_HOSTS]
    return (*texts, *(f"+{host}" for host in more))


_HOST = re.compile(
    r"(?P<any>\*\.)?(?P<name>[\w-]+(?:\.[\w-]+)*|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)


def _host_pattern(text: str) -> HostPattern:
    match = _HOST.fullmatch(text.strip())
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port is not None and not 1 <= port <= 65535):
        raise BadOption(
            f"recording_hosts={text!r}: expected a host name without scheme or path, such as api.openai.com, "
            "*.openai.azure.com or localhost:11434"
        )
    name = match["name"].strip("[]")
    regex = (r"(?:[\w-]+\.)+" if match["any"] else "") + re.escape(name)
    return HostPattern(text, name, port, re.compile(regex, re.IGNORECASE))
