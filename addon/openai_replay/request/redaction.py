"""Redaction: replace API keys, credentials and the user's `recording_redact` matches before anything is written.

Three kinds of secrets become `REDACTED`: secrets by their place (`secret_places.py`), secrets by their look
(`secret_looks.py`), and quotations of the request's own credentials. A match of `recording_redact`, and a text that is
perhaps no secret, become `REDACTED-` and four hex digits of their hash, so that requests that differ there stay
different.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

from ..errors import BadOption
from ..format.recording import JSON
from . import escapes, expressions, secret_looks
from .credentials import searchable
from .escapes import UNESCAPED, Span, levels, original
from .secret_places import REDACTED as REDACTED
from .secret_places import SIGNS_IN_ANSWERS, Hiding, stand_in

# Without one of these in it, a JSON text holds no key: they begin one, name one, or hide the letters of one.
_ALL_SIGNS = (*secret_looks.SIGNS, *SIGNS_IN_ANSWERS, *escapes.SIGNS)

# A sign that contains another sign would find nothing more.
_SIGNS = tuple(sign for sign in _ALL_SIGNS if not any(o in sign for o in _ALL_SIGNS if o != sign))

# Parts that several signs share: a text without the part has none of them, and looking for one text is quicker.
_SHARED_PARTS = ("gh", "lient", "#", "\\")


def _grouped(signs: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the signs by the part that they share; a sign that shares none is its part itself."""
    groups: dict[str, list[str]] = {}
    for sign in signs:
        part = next((part for part in _SHARED_PARTS if part in sign), sign)
        groups.setdefault(part, []).append(sign)
    return tuple((part, tuple(group)) for part, group in groups.items())


_SIGN_GROUPS = _grouped(_SIGNS)

# Secrets of a body that are searched for in the answer: each costs time with every string of it.
_MOST_QUOTED = 64

# In JSON these may be written with a backslash.
_ESCAPABLE = re.compile(rf"[^{UNESCAPED}]")


class RedactedRequest(NamedTuple):
    """A request without its secrets, and all of them that an answer may quote, the headers' credentials included."""

    url: str
    body: JSON
    credentials: tuple[str, ...]


class Replacement(NamedTuple):
    """A part of a text, and the text that takes its place."""

    start: int
    end: int
    text: str


class _Found(NamedTuple):
    """A part of a text to replace; `is_certain` when it is a key or a credential, and no match of the user's."""

    start: int
    end: int
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces secrets. `patterns` are the user's own expressions."""

    patterns: tuple[re.Pattern[str], ...] = ()

    def request(self, url: str, body: JSON, credentials: Sequence[str] = ()) -> RedactedRequest:
        """Redact a request.

        Args:
            body: the result of `parse_body`.
            credentials: of the request's headers, see `credentials_of`.
        """
        hiding = Hiding(partial(self.text, credentials=credentials))
        url = hiding.url(url)
        if (
            isinstance(body, dict)
            and body.keys() == {"__text__"}
            and isinstance(text := body["__text__"], str)
        ):
            body = {"__text__": hiding.text(text)}
        else:
            body = hiding.request(body)
        known = tuple(dict.fromkeys((*credentials, *searchable(hiding.found)[:_MOST_QUOTED])))
        return RedactedRequest(self.text(url, known), self.json(body, known), known)

    def answer(self, value: JSON, credentials: Sequence[str] = ()) -> JSON:
        """Return the JSON of an answer without the keys that the API made, and without all other secrets."""
        return self.json(Hiding().answer(value), credentials)

    def answer_text(self, text: str, credentials: Sequence[str] = ()) -> str:
        """Return the text of an answer (JSON, lines, anything) without secrets."""
        return self.text(Hiding().text_of_answer(text), credentials)

    def url(self, url: str, credentials: Sequence[str] = ()) -> str:
        """Return a URL of an answer without secrets."""
        return self.text(Hiding().url(url), credentials)

    def content(self, content: bytes, credentials: Sequence[str] = ()) -> bytes:
        """Return an answer's body that is no JSON without secrets, be it UTF-8, UTF-16 with its mark, or no text."""
        coding, errors = _coding_of(content)
        text = content.decode(coding, errors)
        redacted = self.answer_text(text, credentials)
        return content if redacted == text else redacted.encode(coding, errors)

    def text(self, value: str, credentials: Sequence[str] = ()) -> str:
        """Return `value` with every secret in it replaced, also where it is spelt with escapes."""
        pieces: list[str] = []
        done = 0
        for one in self.replacements(value, credentials):
            pieces += (value[done : one.start], one.text)
            done = one.end
        return "".join((*pieces, value[done:])) if pieces else value

    def replacements(self, value: str, credentials: Sequence[str] = ()) -> Iterator[Replacement]:
        """Yield the parts of a text that are secrets, in order, each with the text that takes its place."""
        if self.may_match(value, credentials):
            for start, end, is_certain in _united(self._found(value, credentials)):
                yield Replacement(start, end, REDACTED if is_certain else stand_in(value[start:end]))

    def _found(self, text: str, credentials: Sequence[str]) -> Iterator[_Found]:
        for level, way in levels(text):
            for start, end, is_certain in secret_looks.keys(level):
                yield _Found(*original((start, end), way), is_certain)
            for span in _quoted(level, credentials):
                yield _Found(*original(span, way), is_certain=True)
            for pattern in self.patterns:
                for span in expressions.spans(pattern, level, "recording_redact"):
                    yield _Found(*original(span, way), is_certain=False)

    def json(self, value: JSON, credentials: Sequence[str] = ()) -> JSON:
        """Return `value` with the secrets in all its strings and member names replaced."""
        if isinstance(value, str):
            return self.text(value, credentials)
        if isinstance(value, dict):
            return {
                self.text(name, credentials): self.json(item, credentials) for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.json(item, credentials) for item in value]
        return value

    def may_match(self, text: str, credentials: Sequence[str] = ()) -> bool:
        """Tell quickly, from a text or a JSON text, that nothing in it needs replacing (False); True: look closer.

        The user's own expressions always need the close look, because JSON escapes could hide their matches.
        """
        for part, signs in _SIGN_GROUPS:
            if part in text and any(sign in text for sign in signs):
                return True
        for credential in credentials:
            if credential in text:
                return True
        return bool(self.patterns) or ("\\" in text and _may_be_escaped(tuple(credentials)))


def _coding_of(content: bytes) -> tuple[str, str]:
    """Return the coding of a text, and how its errors are kept, so that any bytes can be read and written with it."""
    for mark, coding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark) and len(content) % 2 == 0:
            return coding, "surrogatepass"
    return "utf-8", "surrogateescape"


@lru_cache(maxsize=64)
def _may_be_escaped(credentials: tuple[str, ...]) -> bool:
    return any(_ESCAPABLE.search(credential) for credential in credentials)


def _quoted(text: str, credentials: Iterable[str]) -> Iterator[Span]:
    for credential in credentials:
        start = text.find(credential)
        while start >= 0:
            yield start, start + len(credential)
            start = text.find(credential, start + len(credential))


def _united(found: Iterable[_Found]) -> Iterator[_Found]:
    """Yield the parts in order, overlapping ones as one; one certain secret makes all of it certain."""
    current: _Found | None = None
    for part in sorted(found):
        if current is None or part.start >= current.end:
            if current is not None:
                yield current
            current = part
        else:
            certain = current.is_certain or part.is_certain
            current = _Found(current.start, max(current.end, part.end), certain)
    if current is not None:
        yield current


def redactor(patterns: Iterable[str]) -> Redactor:
    """Return a redactor for secrets and the given regular expressions.

    Raises:
        BadOption: one of them is no regular expression, or matches everywhere.
    """
    return Redactor(tuple(map(_compiled, patterns)))


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        pattern = expressions.compiled(expression, "recording_redact")
    except re.error as exc:
        raise BadOption(f"recording_redact={expression!r}: expected a regular expression, {exc}") from exc
    if pattern.match("") is not None:
        raise BadOption(
            f"recording_redact={expression!r}: expected an expression that does not match the empty text"
        )
    return pattern
