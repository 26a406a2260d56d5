"""A route: which function answers a method on a path."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from ..exchange import Answer
from .account import Call

NAME = re.compile(r"\{(\w+)\}")


class Route:
    """`method`, `pattern`, and the function that answers. A name in braces is one segment of the path."""

    def __init__(self, method: str, pattern: str, answer: Callable[[Call], Answer]) -> None:
        self.method = method
        self.pattern = pattern
        self.answer = answer
        self._expression = re.compile(NAME.sub(r"(?P<\1>[^/]+)", pattern))

    def maybe_names(self, path: str) -> dict[str, str] | None:
        """Return the parts of `path` where the pattern has names; None when it is another path."""
        found = self._expression.fullmatch(path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None
