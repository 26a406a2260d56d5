r"""Undo escapes of JSON (`\/`, `\u006b`), programs (`\x6b`), URLs (`%2F`) and HTML (`&#107;`), with their places.

A secret inside JSON inside JSON, or inside a URL, is spelt with escapes. Searching the unescaped text finds it; the
places lead back to the characters that have to be replaced.
"""

from __future__ import annotations

import html
import re
import sys
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

# The characters that JSON spells in one way, apart from `u` escapes, for use in a set of an expression: no control
# characters, quotes, slashes or backslashes, and nothing beyond ASCII.
UNESCAPED = r" !#-.0-\[\]-~"

_ESCAPE = re.compile(
    r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt]|x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]{1,6}\})|%[0-9a-fA-F]{2}'
    r"|&(?:#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});?|(?:amp|quot|apos|lt|gt);)"
)
_SHORT_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

# Without one of these in it, a text spells no letter of a key with an escape.
SIGNS = ("\\u", "\\x", "%", "&#", "amp;#")

# How often a text is unescaped: tool arguments in a chunk in a log line are three levels, each doubled at most.
_MOST_LEVELS = 6

type Span = tuple[int, int]


@lru_cache(4096)  # a text may have a million escapes, and few different ones
def _meaning(escape: str) -> str:
    if escape.startswith("&"):
        return html.unescape(escape) or "\ufffd"
    if escape.startswith("%"):
        return chr(int(escape[1:], 16))
    if escape.startswith(("\\u", "\\x")):
        return chr(min(int(escape[2:].strip("{}"), 16), sys.maxunicode))
    return _SHORT_ESCAPES.get(escape[1], escape[1])


@dataclass(frozen=True)
class Unescaped:
    """A text with one level of escapes undone, and the text that it was read from."""

    text: str
    source: str

    def original(self, span: Span) -> Span:
        """Return the span of `source` that a span of `text` was read from."""
        start, end = span
        return self._index(start), self._index(end)

    def _index(self, index: int) -> int:
        places, extra = self._map
        return index + extra[bisect_left(places, index)]

    @cached_property
    def _map(self) -> tuple[list[int], list[int]]:
        """Return the indexes in `text` of the characters that were escaped, and the lengths that were lost.

        The second list has one more item: how many characters of `source` before each of them, and in all, have no
        counterpart in `text`. Few texts hold a secret, so it is made when a place is needed.
        """
        places: list[int] = []
        extra = [0]
        for match in _ESCAPE.finditer(self.source):
            start, end = match.span()
            places.append(start - extra[-1])
            extra.append(extra[-1] + end - start - 1)
        return places, extra


def unescaped(text: str) -> Unescaped | None:
    """Undo one level of escapes; None if the text has none. An escape means the same in both notations' mixture."""
    plain, number = _ESCAPE.subn(lambda match: _meaning(match[0]), text)
    return Unescaped(plain, text) if number else None


def levels(text: str) -> Iterator[tuple[str, list[Unescaped]]]:
    """Yield the text as it is and with each further level of escapes undone, with the way back to the original."""
    way: list[Unescaped] = []
    yield text, way
    while len(way) < _MOST_LEVELS and (level := unescaped(text)) is not None:
        text = level.text
        way = [*way, level]
        yield text, way


def original(span: Span, way: list[Unescaped]) -> Span:
    """Return the span of the original text for a span of a level that `levels` gave."""
    for level in reversed(way):
        span = level.original(span)
    return span
