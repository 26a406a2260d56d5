"""The gate where bytes are written: no file and no line of the log holds a credential of a request, in any spelling.

Redaction replaces secrets where it finds them. The gate knows nothing of JSON or events: it searches the finished
bytes, so that a place that redaction does not look at cannot let a credential through. A recording that still holds a
credential of its request is refused, for a replay would give another answer without it. In the report and in the log
the credentials of all requests are replaced, and whatever else looks like a secret, for a recording that was made
elsewhere may bring one into them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import HoldsSecret
from ..format import json_text
from ..format.recording import JSON
from .credentials import spellings
from .redaction import REDACTED, Redactor

_BLOCK_BYTES = 64 * 1024

# Credentials of a run that are searched for, the latest ones: tests may make up one each.
_MOST_CREDENTIALS = 64

_LOOKS = Redactor()


def checked(pieces: Iterable[bytes], credentials: Sequence[str], what: str) -> Iterator[bytes]:
    """Yield the pieces of a file, in larger ones, as long as no credential begins in them.

    Args:
        what: the file's name in the error message.

    Raises:
        HoldsSecret: one of the credentials is in the file, in one of its spellings.
    """
    needles = [needle for credential in credentials for needle in spellings(credential)]
    kept_back = max(map(len, needles), default=1) - 1
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= _BLOCK_BYTES + kept_back:
            _refuse(buffer, needles, what)
            yield bytes(buffer[: len(buffer) - kept_back])
            del buffer[: len(buffer) - kept_back]
    _refuse(buffer, needles, what)
    yield bytes(buffer)


def _refuse(buffer: bytearray, needles: Sequence[bytes], what: str) -> None:
    if any(needle in buffer for needle in needles):
        raise HoldsSecret(
            f"{what} would hold a credential of the request, in a place or a spelling that is not redacted"
        )


def refuse_name(name: str, credentials: Sequence[str]) -> None:
    """Check a file's name.

    Raises:
        HoldsSecret: one of the credentials is in it.
    """
    for _ in checked([name.encode("utf-8", "surrogateescape")], credentials, "the name of the recording"):
        pass


@dataclass(slots=True)
class SecretGate:
    """Takes secrets out of the texts that a run writes beside its recordings, and knows the credentials of the run."""

    credentials: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_CREDENTIALS))

    def learn(self, credentials: Iterable[str]) -> None:
        """Take note of a request's credentials."""
        self.credentials.extend(secret for secret in credentials if secret not in self.credentials)

    def needles(self) -> list[bytes]:
        """Return all spellings of the known credentials."""
        return [needle for credential in tuple(self.credentials) for needle in spellings(credential)]

    def text(self, text: str, redactor: Redactor = _LOOKS) -> str:
        """Return a text without secrets."""
        content = text.encode("utf-8", "surrogatepass")
        return self.content(content, redactor).decode("utf-8", "surrogatepass")

    def json[Value: JSON](self, value: Value, redactor: Redactor = _LOOKS) -> Value:
        """Return a value without secrets in its strings and member names."""
        whole = json_text.compact(value).encode("utf-8", "surrogatepass")
        return value if self.content(whole, redactor) == whole else self._cleaned(value, redactor)

    def _cleaned(self, value: Any, redactor: Redactor) -> Any:
        if isinstance(value, str):
            return self.text(value, redactor)
        if isinstance(value, dict):
            return {self.text(name, redactor): self._cleaned(item, redactor) for name, item in value.items()}
        if isinstance(value, list):
            return [self._cleaned(item, redactor) for item in value]
        return value

    def content(self, content: bytes, redactor: Redactor = _LOOKS) -> bytes:
        """Return the content of a file without secrets, be it UTF-8 or not."""
        for needle in self.needles():
            content = content.replace(needle, REDACTED.encode())
        text = content.decode("utf-8", "surrogateescape")
        redacted = redactor.text(text, tuple(self.credentials))
        return content if redacted == text else redacted.encode("utf-8", "surrogateescape")
