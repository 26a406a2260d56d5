"""`custom_id` of a batch line that was exported: it carries the test id, so that the import finds it again."""

from __future__ import annotations

from urllib.parse import quote, unquote

_PREFIX = "openai-replay"


def custom_id(number: int, test_id: str | None) -> str:
    """Return an id that is unique in its file."""
    return f"{_PREFIX}/{number}" if test_id is None else f"{_PREFIX}/{number}/{quote(test_id, safe='')}"


def test_id_of(custom_id: str) -> str | None:
    """Return the test id in an id that `custom_id` made, None for all others."""
    prefix, _, rest = custom_id.partition("/")
    _, _, test_id = rest.partition("/")
    return unquote(test_id) or None if prefix == _PREFIX else None
