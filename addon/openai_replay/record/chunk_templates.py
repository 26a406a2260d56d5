"""Fast path for stream chunks that differ from an earlier chunk only in a few strings or whole numbers.

Theory of operation. To record a chunk in full, its JSON is parsed, dumped as its class does, rebuilt and compared with
the wire. A stream has thousands of chunks that differ in one word only. Filling that word into a template gives the
same result in a tenth of the time. A template is learned from two chunks, and tried before it is trusted:

1. The text of a chunk is split at its quotes: pieces outside and inside of strings, in turn. Chunks with the same
   number of pieces, in events with the same other lines, are of one kind.
2. Two chunks of a kind differ in a few pieces, the holes. A hole must be a string that is no member's name, or a number
   between two strings.
3. The second chunk is recorded twice more in full, with invented words and numbers in the holes. The invented values
   must come out once each, all else must come out the same, and so must the notes (corrections, event lines, ids).
4. The texts between the invented values are the template. A later chunk of the kind is split, compared with the
   pieces, and its values are filled in, without being parsed.

An example, shortened. Two chunks come:

    {"id":"c1","choices":[{"delta":{"content":"Hel"}}]}
    {"id":"c1","choices":[{"delta":{"content":"lo"}}]}

They differ in one piece, the string after `"content":`. With `openai-<réplay>-9000000` there, the full path gives

    {"__type__": …, "__data__": {"id": "rec-…", "choices": [{"delta": {"content": "openai-<réplay>-9000000"}}]}}

so the template is the text before the word, a hole, and the text after it. A third chunk `" world"` is filled in.

A string that could mean something to the rules is never filled in (`_is_free`): a value that the table of classes knows
(`"stop"`), a spelling of true or false, an empty string, an unusual escape. Such a chunk is recorded in full, and so is
one with another `id`: that is no hole, because it does not come out as it went in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import NotRecordable
from ..sdk.lax_values import SPELLINGS_OF_TRUTH

# Trials in one stream; streams whose chunks are not alike go without.
_MOST_TRIALS = 24

# Kinds of chunks that are remembered for the next one of the kind.
_MOST_KINDS = 16

# JSON escapes as the API and orjson write them both. Others are for the careful reader.
_USUAL_ESCAPES = re.compile(r'[^\\]*+(?:\\[\\"bfnrt][^\\]*+)*+')

# Stand for two escapes while a text is split at its quotes. Nothing that was read from UTF-8 has such characters.
_BACKSLASH, _QUOTE = "\ud800", "\ud801"

# A whole number and the text around it, from the name of its member to the next string. The number has at most 15
# digits, because all JSON readers agree on such numbers.
_NUMBER = re.compile(r"(\s*:\s*)([1-9][0-9]{0,14})([\s,}\]].*)", re.DOTALL)

_LONGEST_SPELLING_OF_TRUTH = max(map(len, SPELLINGS_OF_TRUTH))

type Key = tuple[tuple[str, ...], int]


class RecordedChunk(NamedTuple):
    """A chunk as a recording holds it.

    `text` is its JSON, or gives it by `str`; `significant` is the part of it that counts when two answers are compared.
    `notes` holds its other results (corrections, event lines, ids), and is the same for similar chunks.
    """

    text: str | FilledTemplate
    significant: str
    notes: object


class ChunkTemplates:
    """Makes recordings of the chunks of one stream."""

    def __init__(
        self,
        make: Callable[[str, tuple[str, ...]], RecordedChunk | None],
        meaningful: AbstractSet[str],
        may_hold_secret: Callable[[str], bool],
    ) -> None:
        """Prepare for a stream.

        Args:
            make: the full path: records a chunk, from its text and the event's other lines; None if it is no chunk.
            meaningful: the strings that mean something to `make`.
            may_hold_secret: whether a JSON text needs a close look; such a chunk takes the full path, and no template
                is learned from it.
        """
        self._make = make
        self._may_hold_secret = may_hold_secret
        self._meaningful = meaningful
        self._templates: dict[Key, _Template] = {}
        self._latest: dict[Key, list[str]] = {}
        self._trials_left = _MOST_TRIALS

    def made(self, text: str, lines: tuple[str, ...]) -> RecordedChunk | None:
        """Record a chunk, by a template or else by the full path; None if it is no chunk.

        Args:
            text: its JSON text.
            lines: the other lines of the event that it came in.
        """
        pieces = _split(text)
        key = (lines, len(pieces))
        template = self._templates.get(key)
        if template is not None:
            made = template.filled(pieces, self._meaningful, self._may_hold_secret)
            if made is not None:
                return made
        made = self._make(text, lines)
        if made is not None and self._trials_left and not self._may_hold_secret(text):
            self._learn(key, pieces, made)
        return made

    def _learn(self, key: Key, pieces: list[str], made: RecordedChunk) -> None:
        """Make a template of a chunk and the latest earlier chunk with as many strings."""
        before = self._latest.pop(key, None)
        self._latest[key] = pieces
        if before is None:
            if len(self._latest) > _MOST_KINDS:
                del self._latest[next(iter(self._latest))]
            return
        self._trials_left -= 1
        holes = [
            number for number, (one, other) in enumerate(zip(before, pieces, strict=True)) if one != other
        ]
        if not all(_is_hole(pieces, number) for number in holes):
            return
        template = self._tried(pieces, holes, made, key[0])
        if template is not None:
            self._templates[key] = template

    def _tried(
        self, pieces: list[str], holes: Sequence[int], made: RecordedChunk, lines: tuple[str, ...]
    ) -> _Template | None:
        """Return a template with these holes, None if their values do not pass through unchanged."""
        values = [_value(pieces, hole) for hole in holes]
        template = None
        # One word has letters that may be written as escapes; the other could be taken for a number.
        for word in ("openai-<réplay>-", "7073"):
            trial = [
                f"{word}{9_000_000 + n}" if hole % 2 else f"{8_000_000 + n}" for n, hole in enumerate(holes)
            ]
            try:
                tried = self._make(_joined(_with_values(pieces, holes, trial)), lines)
            except NotRecordable:
                return None
            if tried is None or tried.notes != made.notes:
                return None
            text, significant = _rendering(str(tried.text), trial), _rendering(tried.significant, trial)
            if sorted(text.order) != list(range(len(holes))):
                return None
            if (text.filled(values), significant.filled(values)) != (str(made.text), made.significant):
                return None
            template = _Template(
                _with_values(pieces, holes, [""] * len(holes)), holes, text, significant, made.notes
            )
        return template


@dataclass(frozen=True, slots=True)
class Rendering:
    """A text with holes: `parts`, every second one of them a hole, which is filled with the value of that number."""

    parts: list[str]
    order: list[int]

    def filled(self, values: Sequence[str]) -> str:
        """Return the text with values in its holes."""
        parts = self.parts.copy()
        parts[1::2] = [values[number] for number in self.order]
        return "".join(parts)


class FilledTemplate:
    """A text made by a template, put together only when it is written: there may be very many of them.

    `rendering` is one object for all texts of the template; `values` are the words and numbers in its holes.
    """

    __slots__ = ("rendering", "values")

    def __init__(self, rendering: Rendering, values: tuple[str, ...]) -> None:
        self.rendering = rendering
        self.values = values

    def __str__(self) -> str:
        return self.rendering.filled(self.values)


@dataclass(frozen=True, slots=True)
class _Template:
    """The pieces of a chunk outside of its holes, and its recorded texts with the same holes."""

    pieces: list[str]
    holes: Sequence[int]
    text: Rendering
    significant: Rendering
    notes: object

    def filled(
        self,
        pieces: list[str],
        meaningful: AbstractSet[str],
        may_hold_secret: Callable[[str], bool],
    ) -> RecordedChunk | None:
        """Record a chunk by filling the holes; None if it differs elsewhere, or a hole may hold a secret."""
        rest = pieces.copy()
        values = []
        for hole in self.holes:
            value = _value(pieces, hole)
            if hole % 2:
                if not _is_free(value, meaningful):
                    return None
                rest[hole] = ""
            elif value:
                rest[hole] = _around_number(pieces[hole], "")
            else:
                return None
            values.append(value)
        if rest != self.pieces or may_hold_secret(_with_escapes("\n".join(values))):
            return None
        return RecordedChunk(
            FilledTemplate(self.text, tuple(values)), self.significant.filled(values), self.notes
        )


def _split(text: str) -> list[str]:
    """Split a JSON text at its quotes: pieces outside and inside of strings, in turn."""
    if "\\" in text:
        text = text.replace("\\\\", _BACKSLASH).replace('\\"', _QUOTE)
    return text.split('"')


def _joined(pieces: Sequence[str]) -> str:
    return _with_escapes('"'.join(pieces))


def _with_escapes(piece: str) -> str:
    return piece.replace(_QUOTE, '\\"').replace(_BACKSLASH, "\\\\")


def _is_hole(pieces: Sequence[str], number: int) -> bool:
    """Tell whether a piece is a string, no name of a member, or a number and nothing else."""
    if number % 2:
        return not pieces[number + 1].lstrip().startswith(":")
    return _NUMBER.fullmatch(pieces[number]) is not None


def _value(pieces: Sequence[str], hole: int) -> str:
    """Return the string, as JSON has it, or the digits in a hole; "" where there are none that pass through."""
    if hole % 2:
        return _with_escapes(pieces[hole])
    number = _NUMBER.fullmatch(pieces[hole])
    return number[2] if number else ""


def _around_number(piece: str, value: str) -> str:
    number = _NUMBER.fullmatch(piece)
    return f"{number[1]}{value}{number[3]}" if number else piece


def _with_values(pieces: Sequence[str], holes: Sequence[int], values: Sequence[str]) -> list[str]:
    changed = list(pieces)
    for hole, value in zip(holes, values, strict=True):
        changed[hole] = value if hole % 2 else _around_number(pieces[hole], value)
    return changed


def _rendering(text: str, trial: Sequence[str]) -> Rendering:
    """Split a text at the values of a trial."""
    pattern = "|".join(map(re.escape, trial))
    parts = re.split(f"({pattern})", text) if trial else [text]
    return Rendering(parts, [trial.index(part) for part in parts[1::2]])


def _is_free(text: str, meaningful: AbstractSet[str]) -> bool:
    """Tell whether a string can mean nothing but itself, and is written in one way only."""
    return (
        text.isprintable()
        and text != ""
        and text not in meaningful
        and (len(text) > _LONGEST_SPELLING_OF_TRUTH or text.strip().lower() not in SPELLINGS_OF_TRUTH)
        and ("\\" not in text or _USUAL_ESCAPES.fullmatch(text) is not None)
    )
