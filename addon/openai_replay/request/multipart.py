"""`multipart/form-data` (RFC 7578) as it passes: its parts' names, file names, sizes and hashes, never their bytes.

The parser holds one part's header and at most one short field in memory, for uploads of any size.
"""

from __future__ import annotations

import email.message
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_to_bytes

from ..format.recording import JSON

MULTIPART = "__multipart__"
BYTES = "__bytes__"

# A field longer than this is kept as size and hash, like a file.
_LONGEST_FIELD = 64 * 1024
_LONGEST_HEADER = 64 * 1024


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary of a `multipart/form-data` content type, None for any other."""
    if "multipart/form-data" not in content_type.lower():
        return None  # the common case: skip the header parser for requests that are no form
    message = email.message.Message()
    # As its bytes: for text that is partly no UTF-8, `email` raises undocumented errors.
    message["content-type"] = content_type.encode("utf-8", "surrogateescape").decode("latin-1")
    boundary = message.get_boundary()
    if message.get_content_type() != "multipart/form-data" or not boundary:
        return None
    return boundary.encode("latin-1", "replace")


def bytes_body(size: int, sha256: str) -> JSON:
    """Return the JSON that stands for a body of so many opaque bytes; `sha256` is in hex."""
    return {BYTES: {"size": size, "sha256": sha256}}


@dataclass(slots=True)
class _Part:
    name: str
    filename: str | None
    size: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    start: bytearray = field(default_factory=bytearray)

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self.digest.update(piece)
        if self.filename is None and len(self.start) <= _LONGEST_FIELD:
            self.start += piece

    def to_json(self) -> dict[str, JSON]:
        if self.filename is None and self.size <= _LONGEST_FIELD:
            try:
                return {"name": self.name, "value": self.start.decode()}
            except UnicodeDecodeError:
                pass  # a binary field is kept like a file
        named: dict[str, JSON] = {"name": self.name}
        if self.filename is not None:
            named["filename"] = self.filename
        return {**named, "size": self.size, "sha256": self.digest.hexdigest()}


class MultipartParser:
    """Describes a multipart body that is fed in pieces."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # so that the first delimiter looks like all others
        self._part: _Part | None = None
        self._in_header = False
        self._parts: list[_Part] = []
        self._is_complete = False
        self._is_malformed = False
        self._size = 0
        self._digest = hashlib.sha256()

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the body."""
        self._size += len(piece)
        self._digest.update(piece)
        self._buffer += piece
        while not self._is_complete and not self._is_malformed and self._step():
            pass
        if self._is_complete or self._is_malformed:
            self._buffer.clear()

    def result(self) -> JSON:
        """Return `{"__multipart__": [part, …]}`; `{"__bytes__": …}` when the body was no complete multipart body.

        A part is `{"name", "value"}` for a short field, else `{"name", "filename", "size", "sha256"}`; the parts
        are sorted, for their order is the client's whim.
        """
        if not self._is_complete:
            return bytes_body(self._size, self._digest.hexdigest())
        parts: list[dict[str, JSON]] = [part.to_json() for part in self._parts]
        return {
            MULTIPART: [
                *sorted(parts, key=lambda part: sorted((name, str(item)) for name, item in part.items()))
            ]
        }

    def _step(self) -> bool:
        return self._read_header() if self._in_header else self._read_content()

    def _read_content(self) -> bool:
        """Take content up to the next delimiter; without one, all that cannot be the beginning of one."""
        end = self._buffer.find(self._delimiter)
        if end < 0:
            safe = max(0, len(self._buffer) - len(self._delimiter) + 1)
            self._take_content(safe)
            return False
        after = self._end_of_padding(end + len(self._delimiter))
        tail = bytes(self._buffer[after : after + 2])
        if len(tail) < 2 and after - end < _LONGEST_HEADER:
            return False
        del self._buffer[end + len(self._delimiter) : after]
        self._take_content(end)
        del self._buffer[: len(self._delimiter) + 2]
        self._part = None
        self._is_complete = tail == b"--"
        self._in_header = tail == b"\r\n"
        self._is_malformed = not self._is_complete and not self._in_header
        return self._in_header

    def _end_of_padding(self, start: int) -> int:
        """Return where the white space ends that may follow a delimiter (RFC 2046, section 5.1.1)."""
        while start < len(self._buffer) and self._buffer[start] in b" \t":
            start += 1
        return start

    def _take_content(self, length: int) -> None:
        if self._part is not None:
            self._part.add(bytes(self._buffer[:length]))
        del self._buffer[:length]

    def _read_header(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        length = (
            len(self._buffer) if end < 0 else end + 3
        )  # where it is ended, as if the last byte were yet to come
        self._is_malformed = length > _LONGEST_HEADER
        if end < 0 or self._is_malformed:
            return False
        part = _part_from_header(bytes(self._buffer[: end + 2]))
        if part is None:
            self._is_malformed = True
            return False
        del self._buffer[: end + 4]
        self._part = part
        self._parts.append(part)
        self._in_header = False
        return True


# A value beyond ASCII (RFC 5987): charset, language, percent-encoded bytes.
_EXTENDED = re.compile(r"(?i:utf-8)'[^']*'(?P<octets>.*)")
_FOLD = re.compile(r"\r\n[ \t]+")  # a header that continues on the next line (RFC 822, section 3.1.1)
_ESCAPE = re.compile(r'\\(?P<quoted>["\\])|%(?:22|0[DdAa])')
_PARAMETER = re.compile(r';\s*(?P<name>[\w*]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^;\s]*))')


def _part_from_header(header: bytes) -> _Part | None:
    """Read name and file name; browsers and SDKs write them as raw UTF-8, which `email` would mangle."""
    text = header.decode("utf-8", "surrogateescape")
    for line in _FOLD.sub(" ", text).split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            parameters = {
                match["name"].lower(): match["token"] if match["quoted"] is None else match["quoted"]
                for match in _PARAMETER.finditer(value)
            }
            if "name" in parameters:
                return _Part(_meaning(parameters["name"]), _file_name(parameters))
    return None


def _file_name(parameters: Mapping[str, str]) -> str | None:
    """Return the file name of a part. Some SDKs send one beyond ASCII as `filename*` alone, .NET in both ways."""
    extended = parameters.get("filename*")
    if extended is not None and (match := _EXTENDED.fullmatch(extended)):
        return unquote_to_bytes(match["octets"]).decode("utf-8", "replace")
    plain = parameters.get("filename")
    return None if plain is None else _meaning(plain)


def _meaning(quoted: str) -> str:
    """Return a name without escapes. Go and curl escape a quote by a backslash, browsers and httpx as %22 (WHATWG)."""
    text = quoted.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _ESCAPE.sub(lambda match: match["quoted"] or unquote(match[0]), text)
