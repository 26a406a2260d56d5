"""Run a user's regular expression, and warn if it is so slow that it holds up every client.

Python's `re` cannot be interrupted. An expression with a repetition inside a repetition may take twice as long for each
further character, so the log warns of it at start. If an expression was slow on a text, the log says so once.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from re import _constants as constants  # type: ignore[attr-defined]  # typeshed does not have them
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from .escapes import Span

log = logging.getLogger(__name__)

_SLOW_S = 0.2

_named: set[str] = set()


def compiled(expression: str, option: str) -> re.Pattern[str]:
    """Return an expression of `option`, and say in the log if its cost may explode.

    Raises:
        re.error: it is no regular expression.
    """
    pattern = re.compile(expression)
    if may_explode(expression):
        log.warning(
            "%s=%s has a repetition inside a repetition: on some texts its work doubles with each character, and all "
            "clients wait.",
            option,
            expression,
        )
    return pattern


def spans(pattern: re.Pattern[str], text: str, option: str) -> list[Span]:
    """Return where an expression of `option` matches; empty matches are left out."""
    begun = time.perf_counter()
    found = [match.span() for match in pattern.finditer(text) if match.end() > match.start()]
    elapsed = time.perf_counter() - begun
    if elapsed > _SLOW_S and pattern.pattern not in _named:
        _named.add(pattern.pattern)
        log.warning(
            "%s=%s took %.1f s on a text of %d characters, and all clients waited: its work grows faster than "
            "the text. Let no two repetitions in it match the same characters.",
            option,
            pattern.pattern,
            elapsed,
            len(text),
        )
    return found


def may_explode(expression: str) -> bool:
    """Tell whether an expression has an unlimited repetition inside another one, such as `(a+)+`."""
    return _nests(parser.parse(expression), is_repeated=False)


def _nests(tree: Any, *, is_repeated: bool) -> bool:
    return any(_node_nests(operation, argument, is_repeated=is_repeated) for operation, argument in tree)


def _node_nests(operation: Any, argument: Any, *, is_repeated: bool) -> bool:
    if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT):
        _, most, body = argument
        is_unlimited = most is constants.MAXREPEAT
        if is_unlimited and is_repeated:
            return True
        return _nests(body, is_repeated=is_repeated or is_unlimited)
    return any(_nests(part, is_repeated=is_repeated) for part in _parts(argument))


def _parts(argument: Any) -> Iterator[Any]:
    """Yield the expressions inside an operation, wherever its arguments hold them."""
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, Sequence) and not isinstance(argument, str):
        for item in argument:
            yield from _parts(item)
