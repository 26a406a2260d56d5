"""Read an option of mitmproxy without a deep copy where its value cannot be changed: a text, a number, true or false.

Each request reads some options, and each new connection about fifty.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from mitmproxy import optmanager

from .guarded import Shortcut, Undo

OPTION_READS = Shortcut(
    "reads of options",
    "about 6 % of the CPU time of a new connection through CONNECT and TLS",
    {
        "mitmproxy.optmanager:_Option.current": "(self)",
        "mitmproxy.optmanager:_Option.__init__": "(self, name, typespec, default, help, choices)",
    },
)

_UNCHANGEABLE = (str, int, float, bool, type(None))


def read_options_without_copies() -> Undo:
    """Let mitmproxy copy only values that may be changed, such as lists, and lists of texts without `deepcopy`."""
    option = optmanager._Option
    original = option.current

    def current(self: Any) -> Any:
        value = self._default if self.value is optmanager.unset else self.value
        if type(value) in _UNCHANGEABLE:
            return value
        return value.copy() if _is_list_of_texts(value) else original(self)

    setattr(option, "current", current)  # noqa: B010  # mypy forbids the other
    return lambda: setattr(option, "current", original)


def _is_list_of_texts(value: object) -> TypeGuard[list[str]]:
    return type(value) is list and all(type(item) is str for item in value)
