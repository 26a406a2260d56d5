"""Check equal headers of HTTP/2 messages once, and describe frames only for a log that shows them.

The library `h2` looks at each character of each header name in Python, and describes each received frame for a log
that is off unless mitmproxy's layers are debugged.
"""

from __future__ import annotations

import builtins
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import h2.connection
import h2.stream

from .guarded import Shortcut, Undo

HTTP2_HEADERS = Shortcut(
    "headers and frames of HTTP/2",
    "5 % of the CPU time of a replayed request over HTTP/2, more for clients with many headers",
    {
        "h2.stream:validate_headers": "(headers, hdr_validation_flags)",
        "h2.connection:H2Connection._receive_frame": "(self, frame)",
    },
)

_CHECK = "validate_headers"
_DESCRIBE = "repr"

# Sets of headers of some hundred bytes each.
_MOST_KEPT = 256


def check_headers_once() -> Undo:
    """Let `h2` check a set of headers once; a set that breaks the rules is refused each time."""
    original: Any = vars(h2.stream)[_CHECK]
    passed: OrderedDict[tuple[tuple[Any, ...], Any], None] = OrderedDict()

    def check(headers: Iterable[Any], hdr_validation_flags: Any) -> list[Any]:
        found = list(headers)
        key = (tuple(found), hdr_validation_flags)
        if key in passed:
            return found
        checked = list(original(found, hdr_validation_flags))
        if len(passed) == _MOST_KEPT:
            passed.popitem(last=False)
        passed[key] = None
        return checked

    setattr(h2.stream, _CHECK, check)
    setattr(h2.connection, _DESCRIBE, Described)

    def undo() -> None:
        setattr(h2.stream, _CHECK, original)
        delattr(h2.connection, _DESCRIBE)

    return undo


class Described:
    """The description of an object, made when it is shown."""

    __slots__ = ("_described",)

    def __init__(self, described: object) -> None:
        self._described = described

    def __str__(self) -> str:
        return builtins.repr(self._described)
