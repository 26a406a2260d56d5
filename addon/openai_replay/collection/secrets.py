"""Find secrets in existing recordings, by the rules that redact new recordings.

A part of a recording holds a secret if the redaction would change it, or would change chunks that are read together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ..format import json_text
from ..format.recording import JSON, Recording, Response
from ..record.split_secrets import SplitSecrets
from ..request.redaction import Redactor
from ..request.rules import Rules

# How many places of one file are named.
_MOST_PLACES = 3

# Members of a request that are looked at by the rules of requests, or that are a finding as a whole.
_OF_REQUEST = ("url", "body", "payload", "headers")


def secret_places(recording: Recording, value: JSON, raw: bytes, rules: Rules) -> list[str]:
    """Return the places of a recording that hold a secret, as paths into `value`, the JSON of its file `raw`."""
    return [*islice(_places(recording, value, raw, rules), _MOST_PLACES)]


def _places(recording: Recording, value: JSON, raw: bytes, rules: Rules) -> Iterator[str]:
    request = recording.request
    redacted = rules.redactor.request(request.url, request.body)
    if redacted.url != request.url:
        yield "$.request.url"
    yield from _changed(request.body, redacted.body, "$.request.body")
    yield from _split(recording.response, rules.redactor, redacted.credentials)
    if not isinstance(value, dict) or not rules.redactor.may_match(
        raw.decode("utf-8", "replace"), redacted.credentials
    ):
        return
    response = value.get("response")
    yield from _changed(response, rules.redactor.answer(response, redacted.credentials), "$.response")
    others = _others(value)
    yield from _changed(others, rules.redactor.json(others, redacted.credentials), "$")


def _split(response: Response, redactor: Redactor, credentials: Sequence[str]) -> Iterator[str]:
    """Yield the chunks of a stream that spell out a secret together."""
    secrets = SplitSecrets(redactor, credentials)
    for number, chunk in enumerate(response.body if isinstance(response.body, list) else ()):
        secrets.take(number, json_text.compact(chunk))
    yield from (f"$.response.body[{number}]" for number in secrets.edits())


def _others(value: dict[str, JSON]) -> JSON:
    """Return a recording without the response, and without the members of the request that have their own rules."""
    request = value.get("request")
    members = request.items() if isinstance(request, dict) else ()
    others = {name: item for name, item in members if name not in _OF_REQUEST}
    return {**{name: item for name, item in value.items() if name != "response"}, "request": others}


def secret_in_bytes(content: bytes, rules: Rules) -> bool:
    """Tell whether a body that is no JSON holds a secret."""
    return rules.redactor.content(content) != content


def _changed(before: JSON, after: JSON, place: str) -> Iterator[str]:
    """Yield the places in which two JSON values of one shape differ; a changed member name is told as its object."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for name in before:
            yield from _changed(before[name], after[name], f"{place}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changed(one, other, f"{place}[{number}]")
    elif before != after:
        yield place
