"""Explain a cache miss: the error that the client gets, and how the nearest recording differs from the request.

The error quotes nothing of the request's body: clients turn words such as `tool_calls` in it into other exceptions.
The differences go to the log and into the report.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..errors import BadRecording
from ..format import json_text
from ..format.recording import JSON, Request
from ..format.short_text import number_of
from ..front_end import FrontEnd
from ..request.identity import ApiRequest, identify
from ..request.ignoring import IgnoreRule, ReferenceReading, ignore_rules
from ..request.normal_form import normal_body
from ..request.rules import Rules
from ..request.stream_options import suffices
from ..request.urls import authority, canonical_query
from ..store import names
from ..store.likeness import sketch
from ..store.store import Store, Stored
from .differences import Difference, differences_between, shown

STATUS = 400

# How many recordings, the most similar by their sketches, are compared in full.
_CANDIDATES = 8

_MOST_DIFFERENCES = 12

# The beginning of the API's paths; compatible hosts may have a prefix before it.
_VERSION = re.compile(r"(?P<prefix>.*?)(?P<version>/v[0-9])")


@dataclass(frozen=True, slots=True)
class Miss:
    """A request without a recording. `nearest` is the path of a recording in the folder, None where it has none.

    `ignore_rules` are values of `recording_ignore` with which the nearest recording would answer, () where the
    difference does not look like one that each run makes.
    """

    api_request: ApiRequest
    nearest: str | None
    differences: tuple[Difference, ...]
    ignore_rules: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return the message for the client."""
        text = f"No recording for {self.api_request.reference()}."
        if self.nearest is None:
            return f"{text} {self._no_endpoint()}"
        return f"{text} The nearest is {names.shortened(self.nearest)}; the proxy's log shows the difference."

    def explanation(self) -> str:
        """Return the text for the log: the nearest recording and each place where it differs; UTF-8 can hold it."""
        return json_text.showable("\n".join(self._lines()))

    def _lines(self) -> Iterator[str]:
        test = f" by test {self.api_request.test_id}" if self.api_request.test_id else ""
        beginning = f"No recording for {self.api_request.reference()}{test}."
        if self.nearest is None:
            yield f"{beginning} {self._no_endpoint()}"
            return
        yield f"{beginning} The nearest is {self.nearest}:"
        yield from (f"    {difference}" for difference in self.differences[:_MOST_DIFFERENCES])
        if len(self.differences) > _MOST_DIFFERENCES:
            yield f"    … and {number_of(len(self.differences) - _MOST_DIFFERENCES, 'more place')}"

    def advice(self, front_end: FrontEnd) -> str:
        """Return the next steps for the log: the mode that records the request, and rules to ignore differences.

        Args:
            front_end: the program that the user has started, in whose spelling options are named.
        """
        command = _command(front_end, "record-if-missing", self.api_request)
        lines = [f"  Next: record it, with a key: {command}"]
        if self.ignore_rules:
            lines += front_end.ignoring(self.ignore_rules)
        return "\n".join(lines)

    def _no_endpoint(self) -> str:
        return f"There is none of this endpoint.{self._hint_about_path()}"

    def _hint_about_path(self) -> str:
        version = _VERSION.match(self.api_request.endpoint())
        if version is None:
            return " Its path has no /v1: is it missing at the end of the base URL?"
        if self.api_request.test_id and version["prefix"]:
            test_id = f"{self.api_request.test_id}{version['prefix']}"
            path = f"/@{quote(test_id, safe='')}{version['version']}"
            return f" If the test id is {test_id}, write its slashes as %2F: {path}"
        return ""


def advice_for_unreadable(path: Path, api_request: ApiRequest, front_end: FrontEnd) -> str:
    """Return the next step for the log where the recording of a request, at `path`, cannot be read.

    Only the mode `record` replaces such a file: `record-if-missing` refuses its request, too.
    """
    command = _command(front_end, "record", api_request)
    return (
        f"  Next: restore the file (git checkout HEAD -- {shlex.quote(str(path))}), "
        f"or record it again, with a key: {command}"
    )


def _command(front_end: FrontEnd, mode: str, api_request: ApiRequest) -> str:
    url = urlsplit(api_request.url)
    return front_end.command("recording_mode", mode, f"{url.scheme}://{url.netloc}")


def error_body(message: str, code: str, user_agent: str) -> bytes:
    """Return the JSON of an error that the proxy itself answers with.

    The Ruby SDK shows its users only a `message` at the top.
    """
    error: dict[str, JSON] = {
        "error": {"message": message, "type": "recording_error", "param": None, "code": code}
    }
    if "Ruby" in user_agent:
        error["message"] = message
    return json_text.compact(error).encode()


def find_miss(store: Store, api_request: ApiRequest) -> Miss:
    """Find the nearest recording of the same endpoint. Reads a few files, and blocks on the index.

    The nearest is one of the same test, if there is any; then one that differs in the fewest places, then in the fewest
    letters; then the first by its name.
    """
    nearest = min(_compared(store, api_request), key=_rank, default=None)
    if nearest is None:
        return Miss(api_request, None, ())
    return Miss(api_request, nearest.path, nearest.differences, _ignore_rules(nearest, api_request))


def _ignore_rules(nearest: _Candidate, api_request: ApiRequest) -> tuple[str, ...]:
    """Return the rules with which the nearest recording answers a request, () where they would not suffice."""
    for_each = [_rules_for(difference, api_request.rules) for difference in nearest.differences]
    texts = tuple(dict.fromkeys(text for texts in for_each for text in texts))
    if not all(for_each):
        return ()
    rules = Rules((*api_request.rules.ignore, *ignore_rules(texts)), api_request.rules.redactor)
    recorded = nearest.request
    of_recording = identify(recorded.method, recorded.url, recorded.body, rules)
    of_request = identify(api_request.method, api_request.url, api_request.body, rules)
    return texts if of_recording.key == of_request.key else ()


def _rules_for(difference: Difference, rules: Rules) -> tuple[str, ...]:
    """Return the rules that leave a difference out: for an object that a rule has emptied, the rule for all of it."""
    is_empty_or_absent = {difference.recorded, difference.sent} == {None, "{}"}
    if is_empty_or_absent and any(_goes_into(rule, difference.path) for rule in rules.ignore):
        return (difference.path,)
    return difference.ignore_rules()


def _goes_into(rule: IgnoreRule | ReferenceReading, path: str) -> bool:
    return isinstance(rule, IgnoreRule) and rule.goes_into(path)


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: str
    request: Request
    is_of_same_test: bool
    differences: tuple[Difference, ...]


def _rank(candidate: _Candidate) -> tuple[bool, int, int, str]:
    size = sum(difference.size() for difference in candidate.differences)
    return (not candidate.is_of_same_test, len(candidate.differences), size, candidate.path)


def _compared(store: Store, api_request: ApiRequest) -> Iterator[_Candidate]:
    wanted = sketch(api_request.rules.matched_body(api_request.body))
    for path in store.index.nearest(api_request.endpoint(), wanted, api_request.test_id, _CANDIDATES):
        with suppress(BadRecording):
            stored = store.read(store.directory / path)
            if stored is not None:
                is_of_same_test = stored.recording.test_id == api_request.test_id
                request, found = stored.recording.request, tuple(differences(stored, api_request))
                yield _Candidate(path, request, is_of_same_test, found)


def differences(stored: Stored, api_request: ApiRequest) -> Iterator[Difference]:
    """Yield the places where a recording's request differs from another as far as matching is concerned."""
    request = stored.recording.request
    yield from _around_the_body(request, api_request)
    rules = api_request.rules
    recorded_body = normal_body(rules.matched_body(request.body))
    sent_body = normal_body(rules.matched_body(api_request.body))
    body_differences = list(differences_between(recorded_body, sent_body))
    yield from body_differences
    recorded_options, wanted_options = stored.identity.stream_options, api_request.identity.stream_options
    if not suffices(recorded_options, wanted_options):
        yield Difference("stream_options", recorded_options or None, wanted_options or None)
    if stored.recording.test_id != api_request.test_id and not body_differences:
        yield Difference("test id", _maybe_text(stored.recording.test_id), _maybe_text(api_request.test_id))


def _around_the_body(request: Request, api_request: ApiRequest) -> Iterator[Difference]:
    recorded, wanted = urlsplit(request.url), urlsplit(api_request.url)
    pairs = (
        ("method", request.method, api_request.method),
        ("host", authority(recorded), authority(wanted)),
        ("query", canonical_query(recorded.query), canonical_query(wanted.query)),
    )
    for name, one, other in pairs:
        if one != other and not (name == "method" and api_request.is_model_list()):
            yield Difference(name, shown(one), shown(other))


def _maybe_text(value: str | None) -> str | None:
    return None if value is None else shown(value)
