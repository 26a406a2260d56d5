"""Record exchanges that another tool has stored, by the code that also records live traffic.

An imported recording equals the recording of the same exchange by the proxy: the same name, the same
redaction, the same order of repeats. An exchange that cannot become a recording is reported with its file and place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urlsplit

from ..errors import NotRecordable, OpenAIReplayError
from ..format.recording import JSON
from ..record.exchange import Exchange
from ..record.raw_exchange import NO_REQUEST_BODY, HeaderList, NotTaken, RawExchange, header
from ..record.recorder import Recorder, Ticket
from ..record.socket_session import SocketSession
from ..request.body import parse_body
from ..request.credentials import credentials_of
from ..request.identity import ApiRequest, describe_sent
from ..request.multipart import boundary_of
from ..request.rules import Rules
from ..request.scope import HEADER, from_header
from ..request.upgrade import upgrade_body
from ..request.urls import authority, host_and_port
from ..service.telemetry import NO_CONTENT, is_telemetry
from ..wire.content_coding import decoded, is_text
from ..wire.socket_notes import SocketNotes
from .missing_url import has_host, with_whole_url

type IsRecorded = Callable[[str, int], bool]

_SCHEMES = ("http", "https")

_PROTOCOLS = "sec-websocket-protocol"

# RFC 1952, section 2.3.1.
_GZIP = b"\x1f\x8b\x08"

# U+FFFD, which stands for bytes that are no text (WHATWG Encoding, 4.1).
_REPLACED = b"\xef\xbf\xbd"
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")  # such as compressed bytes have, and no JSON
_FOR_BYTES = "in place of bytes that the tool did not keep"

# First bytes of a stream of server-sent events (WHATWG HTML, 9.2.5).
_EVENT_STREAM_STARTS = (b"data:", b"event:", b"id:", b"retry:", b": ", b":\n")


@dataclass(slots=True)
class Imported:
    """Counts of one import, and everything that was left out.

    Attributes:
        exchanges: how many were taken over, equal repeats at the end of a series included.
        equal: how many of them equal the one before, so that they need no file.
        hosts: of the exchanges that were taken over.
        example: a file of which exchanges were taken over, and the test id that they got.
        problems: exchanges and files that could not be taken over.
        notes: exchanges that were left out on purpose, or that a person should look at.
        other_hosts: exchanges left out by host.
        unknown_files: files of a folder that are of no known format.
    """

    exchanges: int = 0
    equal: int = 0
    hosts: set[tuple[str, int, str]] = field(default_factory=set)
    example: tuple[str, str] | None = None
    problems: list[NotTaken] = field(default_factory=list)
    notes: list[NotTaken] = field(default_factory=list)
    other_hosts: dict[str, list[str]] = field(default_factory=dict)
    unknown_files: list[NotTaken] = field(default_factory=list)

    def is_empty(self) -> bool:
        """Tell whether there was nothing to import, and nothing that could not be imported."""
        return not (self.exchanges or self.problems or self.notes or self.other_hosts or self.unknown_files)


class Importer:
    """Writes the recordings of one import."""

    def __init__(
        self, recorder: Recorder, rules: Rules, is_recorded: IsRecorded, *, keeps_ids: bool = False
    ) -> None:
        """Prepare to import.

        Args:
            is_recorded: tells of a host name and a port whether they are to be recorded.
            keeps_ids: record `id` and `created` of completions as the cassettes have them.
        """
        self.imported = Imported()
        self._keeps_ids = keeps_ids
        self._recorder = recorder
        self._rules = rules
        self._is_recorded = is_recorded
        self._retryable: list[tuple[str, Ticket]] = []
        self._without_file: list[Ticket] = []

    def take(self, found: RawExchange | NotTaken, test_id: str | None) -> None:
        """Record an exchange, or take note why it cannot be; `test_id` is for exchanges that bring none."""
        if isinstance(found, NotTaken):
            self.imported.problems.append(found)
            return
        try:
            self._take(found, test_id)
        except (OpenAIReplayError, OSError) as exc:
            self.imported.problems.append(NotTaken(found.place, str(exc)))

    def finish(self) -> Imported:
        """Return the result of the import, the failures among it that a later success replaced."""
        for place, ticket in self._retryable:
            if ticket not in ticket.series.tickets:
                self.imported.exchanges -= 1
                reason = "a failure that was retried with success is not kept, as in recording"
                self.imported.notes.append(NotTaken(place, reason))
        self._retryable.clear()
        self.imported.equal = sum(ticket.path is None for ticket in self._without_file)
        return self.imported

    def _take(self, raw: RawExchange, test_id: str | None) -> None:
        if not has_host(raw.url):
            raw = with_whole_url(raw, _response_content(raw))
        parts = _usable(raw.url)
        host, port = host_and_port(parts)
        if not self._is_recorded(host, port):
            self.imported.other_hosts.setdefault(authority(parts), []).append(raw.place)
            return
        if is_telemetry(raw.method, parts.path):
            reason = f"telemetry is not recorded, replay answers it with {NO_CONTENT}"
            self.imported.notes.append(NotTaken(raw.place, reason))
            return
        credentials = credentials_of(raw.request_headers)
        api_request = self._described(raw, parts, credentials, test_id)
        ticket = self._recorder.ask(api_request)
        if self._recorder.finish(ticket, self._exchange(raw, api_request)) is None:
            self._without_file.append(ticket)
        self._count(raw, api_request, (host, port, authority(parts)))
        if ticket.is_retryable_failure:
            self._retryable.append((raw.place, ticket))
        self.imported.notes += (NotTaken(raw.place, note) for note in _notes(raw))

    def _count(self, raw: RawExchange, api_request: ApiRequest, host: tuple[str, int, str]) -> None:
        self.imported.exchanges += 1
        self.imported.hosts.add(host)
        if self.imported.example is None and api_request.test_id is not None:
            self.imported.example = (raw.place, api_request.test_id)

    def _exchange(self, raw: RawExchange, api_request: ApiRequest) -> Exchange | SocketSession:
        if raw.session:
            return SocketSession(api_request, raw.session, raw.end, raw.socket.close)
        socket = self._redacted(raw.socket, api_request.credentials)
        return replace(_exchange(raw, api_request), socket=socket, keeps_ids=self._keeps_ids)

    def _redacted(self, socket: SocketNotes, credentials: tuple[str, ...]) -> SocketNotes:
        redact = self._rules.redactor.json
        return SocketNotes(
            tuple((before, redact(data, credentials)) for before, data in socket.client), socket.close
        )

    def _described(
        self, raw: RawExchange, parts: SplitResult, credentials: tuple[str, ...], test_id: str | None
    ) -> ApiRequest:
        own_id = from_header(header(raw.request_headers, HEADER)) or raw.test_id
        body = _request_body(raw)
        url = parts._replace(netloc=_netloc(parts), fragment="").geturl()
        return describe_sent(raw.method, url, body, own_id or test_id, self._rules, credentials)


def _usable(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as exc:
        raise NotRecordable(f"expected a URL that can be requested, got {url!r}: {exc}") from exc
    if parts.scheme not in _SCHEMES or not parts.hostname or not _is_host(parts.hostname):
        raise NotRecordable(f"expected a URL with http or https and a host, got {url!r}")
    return parts


def _is_host(name: str) -> bool:
    return not any(character in name for character in "<>{}*% ")


def _netloc(parts: SplitResult) -> str:
    """Return the host as a client's request names it: without user information and the scheme's own port."""
    name = authority(parts)
    return f"[{name}]" if ":" in (parts.hostname or "") else name


# --- requests ---


def _request_body(raw: RawExchange) -> JSON:
    if raw.session:
        protocols = (value for name, value in raw.request_headers if name.lower() == _PROTOCOLS)
        return upgrade_body(protocols)
    return parse_body(_request_content(raw), _request_type(raw))


def _request_content(raw: RawExchange) -> bytes:
    return _without_coding(raw.request_body, header(raw.request_headers, "content-encoding"))


def _request_type(raw: RawExchange) -> str:
    """Return the content type of a request; for a form without headers, worked out from its body."""
    content_type = header(raw.request_headers, "content-type")
    if boundary_of(content_type) is None and _begins_form(raw.request_body):
        boundary = raw.request_body[2:].partition(b"\r\n")[0].decode("latin-1")
        return f'multipart/form-data; boundary="{boundary}"'
    return content_type


def _begins_form(content: bytes) -> bool:
    """Tell whether a body starts like a form (RFC 7578, RFC 2046 section 5.1.1)."""
    if not content.startswith(b"--"):
        return False
    _, _, rest = content.partition(b"\r\n")
    return rest[:64].lower().startswith((b"content-disposition: form-data", b"content-type:"))


def _notes(raw: RawExchange) -> Iterator[str]:
    if raw.note:
        yield raw.note
    elif not raw.request_body and header(raw.request_headers, "content-length").strip("0"):
        yield NO_REQUEST_BODY
    boundary = boundary_of(header(raw.request_headers, "content-type"))
    content = _request_content(raw)
    if boundary is not None and content and boundary not in content:
        start = content[:60].decode("utf-8", "replace")
        yield f"the form that was uploaded is not in the file, which says {start!r}: no program's request will match"
    if boundary is not None and _REPLACED in content:
        yield f"its form has U+FFFD {_FOR_BYTES}: no program's request will match"
    if _has_replaced_bytes(raw):
        yield f"its answer has U+FFFD {_FOR_BYTES}: it is damaged"


def _has_replaced_bytes(raw: RawExchange) -> bool:
    """Tell whether a tool took the bytes of an answer for a text, with replacement characters for the others."""
    body = raw.response_body
    is_of_bytes = not _is_of_texts(raw.response_headers) or _CONTROL.search(body) is not None
    return is_of_bytes and _REPLACED in body and is_text(body)


# --- responses ---


def _exchange(raw: RawExchange, api_request: ApiRequest) -> Exchange:
    body = _response_content(raw)
    headers = _with_type(raw.response_headers, body)
    return Exchange(api_request, raw.status, headers, [body], raw.end, "the file holds its beginning")


def _response_content(raw: RawExchange) -> bytes:
    body = _without_coding(raw.response_body, header(raw.response_headers, "content-encoding"))
    # A cassette may have left the header out, or another word in its place.
    is_compressed = body.startswith(_GZIP) and _is_of_texts(raw.response_headers)
    return _without_coding(body, "gzip") if is_compressed else body


def _is_of_texts(headers: HeaderList) -> bool:
    """Tell whether a body is JSON or another text by its content type, or has none."""
    kind = header(headers, "content-type").partition(";")[0].strip().lower()
    return "/" not in kind or kind.startswith("text/") or kind.endswith("json")


def _without_coding(body: bytes, coding: str) -> bytes:
    """Return a body without its content coding. Tools keep the header of a body that they have decoded already.

    Compressed bytes are no UTF-8, beginning with their magic numbers, so a text is taken as it is.
    """
    if not coding or is_text(body):
        return body
    try:
        return b"".join(decoded([body], coding))
    except NotRecordable:
        return body


def _with_type(headers: HeaderList, body: bytes) -> HeaderList:
    """Return the headers of a response; a missing content type is worked out from the body."""
    if "/" in header(headers, "content-type") or not body:
        return headers
    others = tuple(pair for pair in headers if pair[0].lower() != "content-type")
    return (*others, ("content-type", _type_of(body)))


def _type_of(body: bytes) -> str:
    start = body.lstrip()
    if start.startswith(_EVENT_STREAM_STARTS):
        return "text/event-stream; charset=utf-8"
    if start.startswith((b"{", b"[")):
        return "application/json"
    return "text/plain; charset=utf-8" if is_text(body) else "application/octet-stream"
