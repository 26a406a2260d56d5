"""Replace keys that an answer spells out over several chunks: `sk-pr` and `oj-a1B2…` in the deltas of one text.

Theory of operation. The pieces of a text (a choice's content, the arguments of a tool call) stand in members of known
names, one piece in a chunk. Members of one name belong to one text if all indexes and item ids in their chunks are
equal. The pieces of each text are joined and searched as any other text. Where a key reaches over several pieces, the
first of them gets its replacement, and the others lose their parts of it. A key within one piece is left to the
redaction of the chunk.

Few streams spell out a key. `spells_secrets` tells so from the recorded chunks, most of which a template made: their
pieces are the values in the template's holes, and need not be searched for.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from ..request.redaction import REDACTED, Redactor, Replacement
from .chunk_templates import FilledTemplate, Rendering

_NAMES = "content|delta|arguments|text|refusal|transcript|reasoning|reasoning_content|thinking|partial_json"
_PIECE = re.compile(
    rf'"(?:({_NAMES})"\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
    r'|(?:index|output_index|content_index|summary_index|item_id)"\s*:\s*"?([^",}\s]+))'
)

# Deltas of sound are longer than this, and hold no key: they only part the pieces before and behind.
_LONGEST_PIECE = 1_000
_PARTED = "\n"

# The name of the member and the indexes of its chunk.
type Key = tuple[str, ...]

# The new pieces of chunks, by the number of the chunk and the number of the piece in it.
type Edits = Mapping[int, Mapping[int, str]]


class _Piece(NamedTuple):
    """A piece of a text, as JSON spells it; `number` is its own among the matches in the chunk."""

    number: int
    key: Key
    text: str


def _pieces_of(chunk: str) -> list[_Piece]:
    found = _PIECE.findall(chunk)
    indexes = [index for _, _, index in found if index]
    return [
        _Piece(number, (name, *indexes), text if len(text) <= _LONGEST_PIECE else _PARTED)
        for number, (name, text, _) in enumerate(found)
        if name
    ]


# --- the quick look -----------------------------------------------------------------------------------------------


def spells_secrets(
    chunks: Iterable[str | FilledTemplate], redactor: Redactor, credentials: Sequence[str]
) -> bool:
    """Tell quickly whether the recorded chunks of a stream may spell out a secret in pieces."""
    texts = _Texts()
    for chunk in chunks:
        texts.take(chunk)
    # Behind REDACTED may stand the rest of a secret whose beginning was one by itself.
    return any(
        REDACTED in text or next(redactor.replacements(text, credentials), None) is not None
        for text in map("".join, texts.pieces.values())
    )


class _Hole(NamedTuple):
    """A piece in the chunks of a template: its text, and its value's number, or the same words in all of them."""

    pieces: list[str]
    value: int | None
    words: str


class _Texts:
    """The pieces of a recording's texts, by their keys."""

    def __init__(self) -> None:
        self.pieces: dict[Key, list[str]] = {}
        self._holes: dict[int, list[_Hole] | None] = {}

    def take(self, chunk: str | FilledTemplate) -> None:
        """Take the pieces of a chunk."""
        holes = self._known_holes(chunk.rendering) if isinstance(chunk, FilledTemplate) else None
        if holes is None or not isinstance(chunk, FilledTemplate):
            for piece in _pieces_of(str(chunk)):
                self._text(piece.key).append(piece.text)
            return
        for pieces, value, words in holes:
            pieces.append(words if value is None else chunk.values[value])

    def _text(self, key: Key) -> list[str]:
        return self.pieces.setdefault(key, [])

    def _known_holes(self, rendering: Rendering) -> list[_Hole] | None:
        if id(rendering) not in self._holes:
            self._holes[id(rendering)] = self._holes_of(rendering)
        return self._holes[id(rendering)]

    def _holes_of(self, rendering: Rendering) -> list[_Hole] | None:
        """Return the pieces of a template, None where its chunks are of several texts."""
        values = [f"\0{number}" for number in range(len(rendering.order))]
        pieces = _pieces_of(rendering.filled(values))
        if any(index in values for piece in pieces for index in piece.key):
            return None
        return [
            _Hole(self._text(key), values.index(text) if text in values else None, text)
            for _, key, text in pieces
        ]


# --- the changes --------------------------------------------------------------------------------------------------


class _Text(NamedTuple):
    """A text in pieces, and where each stands: number of the chunk, number in the chunk."""

    pieces: list[str]
    places: list[tuple[int, int]]


class SplitSecrets:
    """Collects the pieces of an answer's texts."""

    def __init__(self, redactor: Redactor, credentials: Sequence[str]) -> None:
        self._redactor = redactor
        self._credentials = credentials
        self._texts: dict[Key, _Text] = {}

    def take(self, chunk: int, text: str) -> None:
        """Take the JSON text of a chunk, with its number."""
        for piece in _pieces_of(text):
            whole = self._texts.setdefault(piece.key, _Text([], []))
            whole.pieces.append(_decoded(piece.text))
            whole.places.append((chunk, piece.number))

    def edits(self) -> Edits:
        """Return the changes that take the keys over several chunks out of them."""
        edits: dict[int, dict[int, str]] = {}
        for text in self._texts.values():
            for number, piece in self._changed(text.pieces):
                chunk, place = text.places[number]
                edits.setdefault(chunk, {})[place] = json.dumps(piece)[1:-1]
        return edits

    def _changed(self, pieces: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield the new pieces of a text, with their numbers."""
        ends = [*accumulate(map(len, pieces))]
        over: dict[int, list[Replacement]] = {}
        for one in self._redactor.replacements("".join(pieces), self._credentials):
            first, last = bisect_right(ends, one.start), bisect_right(ends, one.end - 1)
            for number in range(first, last + 1) if first < last else ():
                over.setdefault(number, []).append(one)
        for number, replacements in over.items():
            yield number, _without(pieces[number], ends[number] - len(pieces[number]), replacements)


def _decoded(text: str) -> str:
    """Return a piece as a client reads it: the client sends it back so, and it is redacted so in that request."""
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _without(piece: str, begin: int, replacements: Sequence[Replacement]) -> str:
    """Return a piece that begins at a place of its text without the parts to replace."""
    parts: list[str] = []
    done = 0
    for one in replacements:
        parts += (piece[done : max(one.start - begin, 0)], one.text if one.start >= begin else "")
        done = one.end - begin
    return "".join((*parts, piece[done:]))


def edited(text: str, pieces: Mapping[int, str]) -> str:
    """Return the JSON text of a chunk with new pieces, by their numbers."""
    parts: list[str] = []
    done = 0
    for number, match in enumerate(_PIECE.finditer(text)):
        if number in pieces:
            start, end = match.span(2)
            parts += (text[done:start], pieces[number])
            done = end
    return "".join((*parts, text[done:]))


def lines_without_keys(content: bytes, redactor: Redactor, credentials: Sequence[str]) -> bytes:
    """Return lines of JSON, each of them a chunk, without the keys that they spell out in pieces."""
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    secrets = SplitSecrets(redactor, credentials)
    for number, line in enumerate(lines):
        secrets.take(number, line)
    edits = secrets.edits()
    changed = (edited(line, edits[number]) if number in edits else line for number, line in enumerate(lines))
    return "\n".join(changed).encode("utf-8", "surrogateescape")
