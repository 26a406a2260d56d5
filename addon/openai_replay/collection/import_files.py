"""Finds the files to import, and reads each by its format, which its content tells and not its name.

In a folder, each file with the ending of a format is read, and each other file that starts with the first bytes of a
format: cassettes often have no ending. Files without the members of a cassette are passed over, and so are packages
that are installed there.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..record.raw_exchange import NotTaken, RawExchange
from . import (
    import_har,
    import_httpmock,
    import_httprr,
    import_nock,
    import_responses,
    import_vcr,
    import_wiremock,
)
from .attached import Attached, beside, within
from .import_batch import Batches, is_batch
from .import_wiremock import Mappings
from .looks import may_be_cassette
from .values import Unexpected
from .yaml_text import yaml_documents

type Read = Iterator[RawExchange | NotTaken]
type ReadFlows = Callable[[Path], Read]

# Endings of files that may be of a format.
_ENDINGS = (
    *(".yaml", ".yml", ".json", ".har", ".jsonl", ".httprr", ".gz", ".har.zip"),
    *(".flow", ".flows", ".mitm", ".dump", ".cassette"),
)

# Packages that are installed in a project: their tests are not the project's.
_PACKAGES = ("node_modules", "__pycache__")
_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"

# Larger files of a folder are read only if they are named.
_MOST_BYTES = 256 * 1024 * 1024

# A flow file is a sequence of tnetstrings: `<length>:<bytes><type>`.
_FLOWS = re.compile(rb"[0-9]{1,12}:[0-9]+:")

# The first bytes of cassettes, HARs and traces.
_BEGINNINGS = re.compile(
    rb"(\xef\xbb\xbf)?(---\s*)?(\{\s*\"log\"\s*:|(\{\s*)?\"?(version|(http_)?interactions)\"?\s*:|httprr trace v1\r?\n)"
)
_BEGINNING_BYTES = 64

_DECODER = json.JSONDecoder()
_NO_SPACE = re.compile(r"[^ \t\r\n]")  # RFC 8259, section 2

_FORMATS = (
    "a cassette of VCR.py, Ruby VCR, go-vcr or a tool with files like theirs, a HAR, a mitmproxy flow file, "
    "a recording of nock or httpmock, a mapping of WireMock, a trace of httprr, or a batch file"
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
    _mappings: Mappings = field(default_factory=Mappings)

    def exchanges(self, path: Path, *, is_named: bool) -> Read:
        """Yield the exchanges of a file; exchanges of formats with one in several files come with `later_exchanges`.

        Args:
            is_named: the user named this file, so that another format is an error.
        """
        try:
            if is_named:
                yield from self._read(path, _content(path))
            else:
                yield from self._read_of_folder(path)
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

    def later_exchanges(self) -> Read:
        """Yield the exchanges of all batch files, input joined with output, and of all mappings of WireMock."""
        yield from self._batches.exchanges()
        yield from self._mappings.exchanges()

    def _read_of_folder(self, path: Path) -> Read:
        """Yield the exchanges of a file that nobody named, none if it is plainly no cassette."""
        if path.is_dir():
            os.listdir(path)  # raises the reason why its files were not found
        if not path.is_file():  # a pipe would block
            raise Unexpected("expected a regular file")
        start = _start(path)
        if path.stat().st_size > _MOST_BYTES and not _FLOWS.match(start):
            if _BEGINNINGS.match(start):
                raise Unexpected(
                    f"expected at most {_MOST_BYTES:,} bytes in a folder, name the file to import it"
                )
            return
        raw = _content(path)
        if not raw or _is_of_bytes(raw) or may_be_cassette(raw):
            yield from self._read(path, raw)

    def _read(self, path: Path, raw: bytes) -> Read:
        if _FLOWS.match(raw):
            yield from self.read_flows(path)
        elif import_httprr.is_trace(raw):
            yield from import_httprr.exchanges(raw, str(path))
        elif is_batch(raw):
            self._batches.add(raw, path)
        elif raw.startswith(_ZIP):
            yield from _of_zip(path)
        else:
            documents = _documents(raw)
            if all(map(import_wiremock.is_mapping, documents)):
                for document in documents:
                    self._mappings.add(document, path)
            else:
                yield from _of_documents(documents, str(path), beside(path))


class _UnknownFormat(Exception):
    """A file's content is of none of the formats."""


def _content(path: Path) -> bytes:
    """Return a file's content without gzip; of a flow file the beginning, for mitmproxy reads it piece by piece."""
    with open(path, "rb") as file:
        start = file.read(_BEGINNING_BYTES)
        return start if _FLOWS.match(start) else _decompressed(start + file.read())


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_BEGINNING_BYTES)


def _is_of_bytes(raw: bytes) -> bool:
    """Tell whether a file is of a format that is neither YAML nor JSON, or JSON in lines."""
    is_flows = _FLOWS.match(raw) is not None
    return is_flows or import_httprr.is_trace(raw) or is_batch(raw) or raw.startswith(_ZIP)


def _of_zip(path: Path) -> Read:
    """Yield the exchanges of the HARs in a zip file, as Playwright writes it, bodies beside them."""
    try:
        with zipfile.ZipFile(path) as archive:
            hars = [name for name in archive.namelist() if name.endswith(".har")]
            if not hars:
                raise _UnknownFormat(f"expected {_FORMATS}")
            for name in hars:
                yield from _of_documents(
                    _documents(archive.read(name)), f"{path}/{name}", within(archive, name)
                )
    except zipfile.BadZipFile as exc:
        raise Unexpected(f"expected a zip file, {exc}") from exc


def _documents(raw: bytes) -> list[object]:
    """Return the values in a JSON or YAML file.

    Raises:
        ValueError: it is damaged.
        _UnknownFormat: it is empty.
    """
    start = raw[:_BEGINNING_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    documents = _json(raw) if start.startswith((b"{", b"[")) else yaml_documents(raw)
    if not documents:  # a byte order mark or comments alone, too
        raise _UnknownFormat("the file is empty")
    return documents


def _json(raw: bytes) -> list[object]:
    try:
        return [*_values(raw.decode("utf-8-sig"))]
    except json.JSONDecodeError as exc:
        raise Unexpected(f"expected JSON, {exc.msg} @ line {exc.lineno} column {exc.colno}") from exc
    except (UnicodeDecodeError, RecursionError) as exc:
        raise Unexpected(f"expected JSON, {exc}") from exc


def _values(text: str) -> Iterator[object]:
    """Yield the values of a JSON text: one, or one in each line."""
    at = _after_space(text, 0)
    while at < len(text):
        value, end = _DECODER.raw_decode(text, at)
        yield value
        at = _after_space(text, end)


def _after_space(text: str, at: int) -> int:
    found = _NO_SPACE.search(text, at)
    return found.start() if found else len(text)


def _of_documents(documents: Sequence[object], place: str, attached: Attached) -> Read:
    for number, value in enumerate(documents, 1):
        yield from _of_value(value, f"{place}, document {number}" if len(documents) > 1 else place, attached)


def _of_value(value: object, place: str, attached: Attached) -> Read:
    if import_vcr.is_cassette(value):
        return import_vcr.exchanges(value, place)
    if import_har.is_har(value):
        return import_har.exchanges(value, place, attached)
    if import_nock.is_nock(value):
        return import_nock.exchanges(value, place)
    if import_httpmock.is_httpmock(value):
        return import_httpmock.exchanges(value, place)
    if import_responses.is_recording(value):
        return import_responses.exchanges(value, place)
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


def found_in(paths: Iterable[Path], recordings: Path | None = None) -> Iterator[tuple[Path, bool]]:
    """Yield (file, was it named) for files, and for folders with their subfolders, in name order, each file once.

    Args:
        paths: files and folders.
        recordings: the folder of recordings, which is left out of other folders.
    """
    found: set[Path] = set()
    for path, is_named in _all_files(paths, recordings):
        if path.absolute() not in found:
            found.add(path.absolute())
            yield path, is_named


def _all_files(paths: Iterable[Path], recordings: Path | None) -> Iterator[tuple[Path, bool]]:
    for path in paths:
        if path.is_dir():
            yield from ((file, False) for file in _files_of(path, recordings))
        else:
            yield path, True


def _files_of(directory: Path, recordings: Path | None) -> Iterator[Path]:
    """Yield the files that may be cassettes, and the folders that cannot be read."""
    unreadable: list[str] = []
    seen = {directory.resolve()}  # a link may lead to a folder around it
    for folder, subfolders, names in os.walk(
        directory, onerror=lambda exc: unreadable.append(exc.filename), followlinks=True
    ):
        own = sorted(name for name in subfolders if _is_own(Path(folder, name), recordings))
        subfolders[:] = [name for name in own if _is_new(Path(folder, name), seen)]
        for name in sorted(names):
            path = Path(folder, name)
            if name.endswith(_ENDINGS) or _begins_like_one(path):
                yield path
    yield from map(Path, unreadable)


def _is_new(folder: Path, seen: set[Path]) -> bool:
    """Tell whether a folder is seen for the first time, and remember it."""
    real = folder.resolve()
    is_new = real not in seen
    seen.add(real)
    return is_new


def _is_own(folder: Path, recordings: Path | None) -> bool:
    """Tell whether a subfolder belongs to the project, and not to a tool, a package or the recordings."""
    is_hidden = folder.name.startswith(".") or folder.name in _PACKAGES
    is_recordings = recordings is not None and folder.absolute() == recordings.absolute()
    return not (is_hidden or is_recordings or (folder / _VIRTUAL_ENVIRONMENT).exists())


def _begins_like_one(path: Path) -> bool:
    """Tell whether a file without a known ending begins like one of a format."""
    try:
        start = _start(path) if path.is_file() else b""
    except OSError:
        return False
    return _BEGINNINGS.match(start) is not None or _FLOWS.match(start) is not None
