"""Import input and output files of the OpenAI Batch API, joined by `custom_id`.

Input lines are {custom_id, method, url, body}, output lines {custom_id, response: {status_code, body}, error}
(https://platform.openai.com/docs/guides/batch). The two come in any order, and output lines in another order than
input lines. Batches are made without streams.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..record.raw_exchange import NotTaken, RawExchange
from .batch_ids import test_id_of
from .values import Unexpected, json_bytes, mapping, status, text

API = "https://api.openai.com"

_JSON = (("content-type", "application/json"),)


@dataclass(frozen=True, slots=True)
class _Line:
    place: str
    value: Mapping[str, object]

    def id(self) -> str:
        return text(self.value.get("custom_id"), "custom_id")


@dataclass(slots=True)
class Batches:
    """The lines of all batch files of one import."""

    _inputs: list[_Line] = field(default_factory=list)
    _outputs: dict[str, list[_Line]] = field(default_factory=dict)
    _problems: list[NotTaken] = field(default_factory=list)

    def add(self, raw: bytes, path: Path) -> None:
        """Take the lines of a file, input or output."""
        for number, line in enumerate(raw.decode("utf-8-sig", "replace").splitlines(), 1):
            if line.strip():
                self._add_line(line, f"{path}, line {number}")

    def _add_line(self, line: str, place: str) -> None:
        try:
            read = _Line(place, mapping(json.loads(line), "for a line"))
            if "response" in read.value or "error" in read.value:
                self._outputs.setdefault(read.id(), []).append(read)
            else:
                read.id()
                self._inputs.append(read)
        except ValueError as exc:
            self._problems.append(NotTaken(place, str(exc)))

    def exchanges(self) -> Iterator[RawExchange | NotTaken]:
        """Yield an exchange for each input line with an output line, in the order of the input."""
        yield from self._problems
        for line in self._inputs:
            outputs = self._outputs.get(line.id(), [])
            if not outputs:
                yield NotTaken(
                    line.place, f"expected an output line with custom_id {line.id()}, there is none"
                )
                continue
            yield _joined(line, outputs.pop(0))
        for lines in self._outputs.values():
            for line in lines:
                yield NotTaken(
                    line.place, f"expected an input line with custom_id {line.id()}, there is none"
                )


def is_batch(raw: bytes) -> bool:
    """Tell whether a file is input or output of a batch, by its first line."""
    first = raw.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    if b'"custom_id"' not in first:
        return False
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False


def _joined(asked: _Line, answered: _Line) -> RawExchange | NotTaken:
    try:
        response = answered.value.get("response")
        if response is None:
            error = answered.value.get("error")
            message = error.get("message") if isinstance(error, Mapping) else error
            return NotTaken(answered.place, f"the batch has no response for it: {message}")
        response = mapping(response, "response")
        return RawExchange(
            asked.place,
            text(asked.value.get("method"), "method").upper(),
            _absolute(text(asked.value.get("url"), "url")),
            _JSON,
            json_bytes(asked.value.get("body", {})),
            status(response.get("status_code"), "response.status_code"),
            _JSON,
            json_bytes(response.get("body")),
            test_id=test_id_of(asked.id()),
        )
    except Unexpected as exc:
        return NotTaken(answered.place, str(exc))


def _absolute(url: str) -> str:
    return url if "://" in url else f"{API}{url}"
