"""Take white space off HTTP/2 header values, as HTTP/1.1 does, and tell which header of a refused request is invalid.

`Authorization: Bearer $KEY` with an unset variable ends in a space. HTTP/1.1 ignores it (RFC 9110, section 5.5), HTTP/2
forbids it (RFC 9113, section 8.2.1), and mitmproxy ends the connection without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import h2.exceptions
import h2.stream

from .guarded import Shortcut, Undo

INBOUND_HEADERS = Shortcut(
    "white space and invalid headers of HTTP/2",
    "requests with an unset variable in a header are served, and the reason of a refusal is said",
    {"h2.stream:validate_headers": "(headers, hdr_validation_flags)"},
    is_needed=True,
)

_CHECK = "validate_headers"

_WHITE_SPACE = b" \t"

_FORBIDDEN_IN_VALUE = (b"\0", b"\r", b"\n")

# Takes the authority of a request, such as `api.openai.com` or "", and the reason of its refusal.
type Refused = Callable[[str, str], None]


def read_inbound_headers(refused: Refused) -> Undo:
    """Let `h2` read header values without white space around them, and call `refused` for requests that it refuses."""
    original: Any = vars(h2.stream)[_CHECK]

    def check(headers: Iterable[Any], hdr_validation_flags: Any) -> list[Any]:
        found = [_stripped(header) for header in headers]
        try:
            return list(original(found, hdr_validation_flags))
        except h2.exceptions.ProtocolError as exc:
            if not hdr_validation_flags.is_response_header:
                refused(_authority(found), _reason(found, exc))
            raise

    setattr(h2.stream, _CHECK, check)
    return lambda: setattr(h2.stream, _CHECK, original)


def _stripped(header: Any) -> Any:
    """Return a header of `hpack`, a pair that knows whether it may be indexed, with its value stripped."""
    name, value = header
    stripped = value.strip(_WHITE_SPACE)
    return header if stripped == value else type(header)(name, stripped)


def _authority(headers: Sequence[Any]) -> str:
    return next((value.decode(errors="replace") for name, value in headers if name == b":authority"), "")


def _reason(headers: Sequence[Any], problem: h2.exceptions.ProtocolError) -> str:
    """Return which header is invalid and why; the value of a header may be a key, and is left out."""
    for name, value in headers:
        if any(character in value for character in _FORBIDDEN_IN_VALUE):
            return f"the header {name.decode(errors='replace')} has a line break or a NUL in its value"
    return str(problem).rstrip(".")
