"""Finds the files to import, and reads each by its format, which its content tells and not its name."""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..record.raw_exchange import NotTaken, RawExchange
from . import import_har, import_vcr
from .import_batch import Batches, is_batch
from .values import Unexpected
from .yaml_text import load_yaml

type Read = Iterator[RawExchange | NotTaken]
type ReadFlows = Callable[[Path], Read]

# In folders, files of other endings are passed over.
_ENDINGS = (".yaml", ".yml", ".json", ".har", ".jsonl", ".gz", ".flow", ".flows", ".mitm", ".dump")

_GZIP = b"\x1f\x8b"

# A flow file is a sequence of tnetstrings: `<length>:<bytes><type>`.
_FLOWS = re.compile(rb"[0-9]{1,12}:[0-9]+:")

_FORMATS = "a cassette of VCR.py, Ruby VCR or go-vcr, a HAR, a mitmproxy flow file, or a batch file"


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
            yield from self._read(path)
        except (Unexpected, ValueError) as exc:
            yield NotTaken(str(path), str(exc))
        except OSError as exc:
            yield NotTaken(str(path), f"expected a readable file, {exc.strerror or exc}")
        except _UnknownFormat:
            problem = NotTaken(str(path), f"expected {_FORMATS}")
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
        elif is_batch(raw):
            self._batches.add(raw, path)
        elif start.startswith((b"{", b"[")):
            yield from _of_value(json.loads(raw.decode("utf-8-sig")), path)
        elif start:
            yield from _of_value(load_yaml(raw), path)
        else:
            raise Unexpected("the file is empty")


class _UnknownFormat(Exception):
    """A file's content is of none of the formats."""


def _of_value(value: object, path: Path) -> Read:
    if import_vcr.is_cassette(value):
        return import_vcr.exchanges(value, path)
    if import_har.is_har(value):
        return import_har.exchanges(value, path)
    raise _UnknownFormat


def _decompressed(raw: bytes) -> bytes:
    if not raw.startswith(_GZIP):
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as exc:
        raise Unexpected(f"expected gzip, {exc}") from exc


def found_in(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield (file, was it named) for files, and for folders with their subfolders, in name order."""
    for path in paths:
        if not path.is_dir():
            yield path, True
            continue
        for folder, subfolders, names in os.walk(path):
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            for name in sorted(names):
                if name.endswith(_ENDINGS):
                    yield Path(folder, name), False
