"""Finds the files to import, and reads each by its format, which its content tells and not its name.

In a folder, each file with the ending of a format is read, and each other file that starts with the first bytes of a
format: cassettes often have no ending.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..record.raw_exchange import NotTaken, RawExchange
from . import import_har, import_httpmock, import_httprr, import_nock, import_vcr
from .import_batch import Batches, is_batch
from .values import Unexpected
from .yaml_text import yaml_documents

type Read = Iterator[RawExchange | NotTaken]
type ReadFlows = Callable[[Path], Read]

# Endings of files that may be of a format.
_ENDINGS = (
    *(".yaml", ".yml", ".json", ".har", ".jsonl", ".httprr", ".gz"),
    *(".flow", ".flows", ".mitm", ".dump", ".cassette"),
)

_GZIP = b"\x1f\x8b"

# A flow file is a sequence of tnetstrings: `<length>:<bytes><type>`.
_FLOWS = re.compile(rb"[0-9]{1,12}:[0-9]+:")

# The first bytes of cassettes, HARs and traces.
_BEGINNINGS = re.compile(
    rb"(\xef\xbb\xbf)?(---\s*)?(\{\s*\"log\"\s*:|(\{\s*)?\"?(version|(http_)?interactions)\"?\s*:|httprr trace v1\r?\n)"
)
_BEGINNING_BYTES = 64

_FORMATS = (
    "a cassette of VCR.py, Ruby VCR, go-vcr or a tool with files like theirs, a HAR, a mitmproxy flow file, "
    "a recording of nock or httpmock, a trace of httprr, or a batch file"
)


@dataclass(slots=True)
class Files:
    """The files of one import.

    Attributes:
        read_flows: reads a mitmproxy flow file, which mitmproxy itself has to do.
        unknown: files of a folder that are of no known format.
    """

    read_flows: ReadFlows
    unknown: list[NotTaken] = field(default_factory=list)
    _batches: Batches = field(default_factory=Batches)

    def exchanges(self, path: Path, *, is_named: bool) -> Read:
        """Yield the exchanges of a file; exchanges of batch files come with `batch_exchanges`.

        Args:
            is_named: the user named this file, so that another format is an error.
        """
        try:
            if not is_named and not path.is_file():  # a pipe would block
                raise Unexpected("expected a regular file")
            yield from self._read(path)
        except OSError as exc:
            yield NotTaken(str(path), f"expected a readable file, {exc.strerror or exc}")
        except ValueError as exc:
            yield NotTaken(str(path), str(exc))
        except _UnknownFormat as exc:
            problem = NotTaken(str(path), str(exc))
            if is_named:
                yield problem
            else:
                self.unknown.append(problem)

    def batch_exchanges(self) -> Read:
        """Yield the exchanges of all batch files, input joined with output."""
        yield from self._batches.exchanges()

    def _read(self, path: Path) -> Read:
        with open(path, "rb") as file:
            raw = _decompressed(file.read())
        start = raw[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
        if _FLOWS.match(raw):
            yield from self.read_flows(path)
        elif import_httprr.is_trace(raw):
            yield from import_httprr.exchanges(raw, str(path))
        elif is_batch(raw):
            self._batches.add(raw, path)
        elif start:
            yield from _of_documents(_documents(raw, start), str(path))
        else:
            raise Unexpected("the file is empty")


class _UnknownFormat(Exception):
    """A file's content is of none of the formats."""


def _documents(raw: bytes, start: bytes) -> list[object]:
    """Return the values in a JSON or YAML file.

    Raises:
        ValueError: it is damaged.
    """
    return [_json(raw)] if start.startswith((b"{", b"[")) else yaml_documents(raw)


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except json.JSONDecodeError as exc:
        raise Unexpected(f"expected JSON, {exc.msg} @ line {exc.lineno} column {exc.colno}") from exc
    except (UnicodeDecodeError, RecursionError) as exc:
        raise Unexpected(f"expected JSON, {exc}") from exc


def _of_documents(documents: Sequence[object], place: str) -> Read:
    for number, value in enumerate(documents, 1):
        yield from _of_value(value, f"{place}, document {number}" if len(documents) > 1 else place)


def _of_value(value: object, place: str) -> Read:
    if import_vcr.is_cassette(value):
        return import_vcr.exchanges(value, place)
    if import_har.is_har(value):
        return import_har.exchanges(value, place)
    if import_nock.is_nock(value):
        return import_nock.exchanges(value, place)
    if import_httpmock.is_httpmock(value):
        return import_httpmock.exchanges(value, place)
    if import_vcr.is_recording(value):
        raise _UnknownFormat(f"expected {_FORMATS}; it is a recording already: copy it")
    raise _UnknownFormat(f"expected {_FORMATS}")


def _decompressed(raw: bytes) -> bytes:
    if not raw.startswith(_GZIP):
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as exc:
        raise Unexpected(f"expected gzip, {exc}") from exc


def found_in(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield (file, was it named) for files, and for folders with their subfolders, in name order, each file once."""
    found: set[Path] = set()
    for path, is_named in _all_files(paths):
        if path.absolute() not in found:
            found.add(path.absolute())
            yield path, is_named


def _all_files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    for path in paths:
        if path.is_dir():
            yield from ((file, False) for file in _files_of(path))
        else:
            yield path, True


def _files_of(directory: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(directory):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if name.endswith(_ENDINGS) or _begins_like_one(path):
                yield path


def _begins_like_one(path: Path) -> bool:
    """Tell whether a file without a known ending begins like one of a format."""
    try:
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            start = file.read(_BEGINNING_BYTES)
    except OSError:
        return False
    return _BEGINNINGS.match(start) is not None or _FLOWS.match(start) is not None
