"""The gate where bytes are written: a file that holds a credential of its request, in any spelling, is refused.

Redaction replaces secrets where it finds them. The gate knows nothing of JSON or events: it searches the finished
bytes, so that a place that redaction does not look at cannot let a credential through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..errors import HoldsSecret
from .credentials import spellings

_BLOCK_BYTES = 64 * 1024


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
