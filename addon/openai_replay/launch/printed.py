"""Take secrets out of texts that a command prints: recordings and cassettes made elsewhere may hold some."""

from __future__ import annotations

from ..request.secret_gate import SecretGate
from ..request.secret_places import Hiding

_LOOKS = SecretGate()


def without_secrets(text: str) -> str:
    """Return a text, of JSON or for a person, without keys."""
    return _LOOKS.text(text)


def content_without_secrets(content: bytes) -> bytes:
    """Return the content of a file without keys, be it text or not."""
    return _LOOKS.content(content)


def message_without_secrets(text: str) -> str:
    """Return a message for a person without keys, and without the values of secret parameters in URLs."""
    return _LOOKS.text(Hiding().url(text))
