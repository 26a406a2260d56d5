"""Cut long texts for a person: the beginning, and an ellipsis."""

from __future__ import annotations

ELLIPSIS = "…"


def shortened(text: str, most: int) -> str:
    """Return a text, cut to `most` characters and an ellipsis where it is longer."""
    return text if len(text) <= most else f"{text[:most].rstrip()}{ELLIPSIS}"


def one_line(text: str, most: int) -> str:
    """Return a text with each run of white space as one space, shortened."""
    return shortened(" ".join(text.split()), most)
