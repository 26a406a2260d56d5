"""Find redacted members of an answer that a client sends back later: ids, signatures, encrypted content."""

from __future__ import annotations

from collections.abc import Iterator

from ..format.recording import JSON

_SENT_BACK = frozenset(
    (
        *("id", "call_id", "item_id", "response_id", "file_id", "container_id", "approval_request_id"),
        *("encrypted_content", "signature", "thought_signature", "client_secret", "value", "upload_url"),
        *("next_page", "cursor"),
    )
)


def needed_later(before: JSON, after: JSON, name: str = "") -> Iterator[str]:
    """Yield the names of such members whose strings redaction changed.

    Args:
        before: the answer as it was.
        after: the redacted answer, which has the same shape.
        name: the name of the member that both are.
    """
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for (key, one), other in zip(before.items(), after.values(), strict=False):
            yield from needed_later(one, other, key)
    elif isinstance(before, list) and isinstance(after, list):
        for one, other in zip(before, after, strict=False):
            yield from needed_later(one, other, name)
    elif name in _SENT_BACK and before != after:
        yield name
