"""The parts of a multipart/form-data body: RFC 7578."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message

from .exchange import Request


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form: a field, or a file where there is a `filename`."""

    name: str
    filename: str | None
    content_type: str
    content: bytes

    @property
    def text(self) -> str:
        """The content of a field."""
        return self.content.decode("utf-8", "replace")


def parts_of(request: Request) -> list[Part]:
    """Return the parts of `request`'s body in their order; none where it is no form."""
    boundary = _header(request.header("content-type") or "").get_param("boundary")
    if not isinstance(boundary, str):
        return []
    sections = (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())
    # Before the first boundary is the preamble; after the last one two dashes and the epilogue.
    return [_part(section) for section in sections[1:] if not section.startswith(b"--")]


def fields_of(request: Request) -> dict[str, str]:
    """Return the fields of `request`'s form by name; of a repeated one the last value."""
    return {part.name: part.text for part in parts_of(request) if part.filename is None}


def files_of(request: Request) -> list[Part]:
    """Return the files of `request`'s form."""
    return [part for part in parts_of(request) if part.filename is not None]


def _part(section: bytes) -> Part:
    head, _, content = section.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    headers = dict(_field(line) for line in head.decode("utf-8", "replace").split("\r\n"))
    disposition = _header(headers.get("content-disposition", ""))
    filename = disposition.get_param("filename")
    return Part(
        name=str(disposition.get_param("name", "")),
        filename=filename if isinstance(filename, str) else None,
        content_type=headers.get("content-type", "text/plain"),
        content=content,
    )


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _header(value: str) -> Message:
    """Return a message with `value` as its Content-Type, to read the parameters of."""
    message = Message()
    message["content-type"] = value
    return message
