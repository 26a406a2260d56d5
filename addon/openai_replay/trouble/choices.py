"""Error text for an unknown word in an option: the nearest allowed word, then all of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_word(word: str, allowed: Iterable[str]) -> str:
    """Return `unknown word 'ttf': did you mean ttft? Allowed: gap, seed, ttft`."""
    allowed = sorted(allowed)
    near = difflib.get_close_matches(word, allowed, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown word {word!r}: {hint}Allowed: {', '.join(allowed)}"
