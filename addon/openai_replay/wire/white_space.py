"""Keep the white space and the escapes of a JSON answer: detect them while recording, write them again in replay.

Programs that read answers with `sed`, or compare error texts, depend on them. Where they are not usual for the
operation, a recording notes them as `response.wire.layout`, for chunks of a stream in a correction; words in any order:

    compact, spaced, indent N    {"a":1,"b":2}, {"a": 1, "b": 2}, or a line for each member, indented by N spaces
    newline                      a newline at the end
    bom                          a byte order mark at the beginning
    ascii, html                  the escapes of Python (each character beyond ASCII) or of Go (<, >, & and U+2028/9)

The usual layouts of api.openai.com were counted in the recordings of public projects; FORMAT.md has the figures. Other
servers are assumed to write compact JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from ..format import json_text
from ..format.recording import JSON
from ..request.urls import single_prefix

_BYTE_ORDER_MARK = "\ufeff"

_STRING = re.compile(f"({json_text.STRING})")
_TOKEN = re.compile(json_text.STRING + r'|[{}\[\],:]|[^{}\[\],:"]+')
_INDENTED = re.compile(r"[\[{]\n(?P<indent> *)")
_WORD = re.compile(r"(?P<kind>compact|spaced|newline|ascii|html|bom)|indent (?P<indent>[0-9]{1,2})")

# Python escapes DEL, too, which is ASCII.
_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]+")
_HTML = re.compile("[<>&\u2028\u2029]")


def _ascii(text: str) -> str:
    return _BEYOND_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _html(text: str) -> str:
    return _HTML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


# Each gets compact JSON, where these characters stand in strings alone.
_ESCAPES: Mapping[str, Callable[[str], str]] = {"": str, "ascii": _ascii, "html": _html}


@dataclass(frozen=True, slots=True)
class WhiteSpace:
    """How a JSON text is laid out. `indent` is the number of spaces of a level, None for a text in one line."""

    indent: int | None = None
    is_spaced: bool = False
    has_newline: bool = False
    escapes: str = ""
    has_byte_order_mark: bool = False

    def written(self, value: Any) -> str:
        """Return the JSON text of a value, which may have an `orjson.Fragment` for a number.

        Raises:
            ValueError: it is nested too deeply to be written.
        """
        mark = _BYTE_ORDER_MARK if self.has_byte_order_mark else ""
        return f"{mark}{self._text(value)}\n" if self.has_newline else f"{mark}{self._text(value)}"

    def _text(self, value: Any) -> str:
        if self.indent == 2 and not self.escapes:
            try:
                return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
            except (orjson.JSONEncodeError, TypeError):
                pass  # integers beyond 64 bits and lone surrogates
        compact = _ESCAPES[self.escapes](json_text.compact(value))
        if self.indent is not None:
            return "".join(_indented(compact, self.indent))
        return _spaced(compact) if self.is_spaced else compact

    def note(self) -> str:
        """Return the words that a recording has for this."""
        kind = "spaced" if self.is_spaced else "compact"
        words = [kind if self.indent is None else f"indent {self.indent}", self.escapes]
        words += ["newline" if self.has_newline else "", "bom" if self.has_byte_order_mark else ""]
        return ", ".join(filter(None, words))


COMPACT = WhiteSpace()


def from_note(note: JSON, place: str = "$.response.wire.layout") -> WhiteSpace:
    """Read a note of `WhiteSpace.note`, which stands at a place of a recording.

    Raises:
        ValueError: it is no list of the known words; the message says where.
    """
    words = [_WORD.fullmatch(word.strip()) for word in note.split(",")] if isinstance(note, str) else [None]
    known = [match for match in words if match is not None]
    if len(known) < len(words):
        raise ValueError(f'expected words such as "indent 2, newline", got {note!r} @ {place}')
    kinds = {match["kind"] for match in known}
    indents = [int(match["indent"]) for match in known if match["indent"]]
    escapes = next((name for name in _ESCAPES if name in kinds), "")
    indent = indents[0] if indents else None
    return WhiteSpace(indent, "spaced" in kinds, "newline" in kinds, escapes, "bom" in kinds)


def found(text: str, value: Any) -> WhiteSpace | None:
    """Return the white space of a JSON text, None if it is not regular.

    Args:
        text: the text.
        value: its value as `json_text.read` spells it.
    """
    content = text.rstrip(" \t\r\n")
    if text[len(content) :] not in ("", "\n"):
        return None
    has_newline, has_mark = len(text) > len(content), text.startswith(_BYTE_ORDER_MARK)
    content = content.removeprefix(_BYTE_ORDER_MARK)
    for indent, is_spaced in _candidates(content):
        for escapes in _ESCAPES if "\\u" in content else ("",):
            candidate = WhiteSpace(indent, is_spaced, has_newline, escapes, has_mark)
            if candidate.written(value) == text:
                return candidate
    return None


def _candidates(text: str) -> Iterator[tuple[int | None, bool]]:
    indented = _INDENTED.match(text)
    if indented:
        yield len(indented["indent"]), False
    else:
        yield None, False
        yield None, True


# Operations of api.openai.com whose answers end in a newline.
_WITH_NEWLINE = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/files",
    "/v1/models",
    "/v1/moderations",
)


def usual(url: str) -> WhiteSpace:
    """Return the white space that an answer from a URL has if its recording says nothing of it."""
    parts = urlsplit(url)
    path = single_prefix(parts.path)
    if parts.hostname != "api.openai.com" or path.startswith("/v1/audio/"):
        return COMPACT
    return WhiteSpace(2, has_newline=path.startswith(_WITH_NEWLINE))


def _spaced(compact: str) -> str:
    parts = _STRING.split(compact)
    parts[::2] = [part.replace(",", ", ").replace(":", ": ") for part in parts[::2]]
    return "".join(parts)


def _indented(compact: str, indent: int) -> Iterator[str]:
    depth, opened = 0, ""
    for token in _TOKEN.findall(compact):
        if opened:
            # An empty object or list stays in one line.
            is_empty = token in "}]"
            yield opened if is_empty else f"{opened}{_line(depth, indent)}"
            opened = ""
            if is_empty:
                depth -= 1
                yield token
                continue
        if token in ("{", "["):
            depth, opened = depth + 1, token
        elif token in ("}", "]"):
            depth -= 1
            yield f"{_line(depth, indent)}{token}"
        elif token == ",":
            yield f",{_line(depth, indent)}"
        else:
            yield ": " if token == ":" else token


def _line(depth: int, indent: int) -> str:
    return "\n" + " " * (depth * indent)
