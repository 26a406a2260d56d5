"""Cache mitmproxy's type checks of HTTP messages: it checks each member of each message that it makes.

With the cache it checks each combination of types once, for all messages whose members have these types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitmproxy import http

from .guarded import Shortcut, Undo

TYPE_CHECKS = Shortcut(
    "checks of types",
    "mitmdump: 10 % of the CPU time of a replayed request by base URL, 3 % through CONNECT and TLS",
    # Nothing under `python -O`, where mitmproxy does without the checks.
    {"mitmproxy.http:MessageData.__post_init__": "(self)"},
)

_METHOD = "__post_init__"

_check: Callable[[Any], None] | None = vars(http.MessageData).get(_METHOD)

_passed: set[tuple[type, ...]] = set()


def cache_type_checks() -> Undo:
    """Let mitmproxy check a combination of types once; a wrong combination is refused as before."""
    original = getattr(http.MessageData, _METHOD)
    setattr(http.MessageData, _METHOD, _check_once)
    return lambda: setattr(http.MessageData, _METHOD, original)


def _check_once(message: http.MessageData) -> None:
    types = (type(message), *map(type, vars(message).values()))
    if types in _passed or _check is None:
        return
    _check(message)
    # The items of a list or a tuple may have other types the next time.
    if list not in types and tuple not in types:
        _passed.add(types)
