"""Texts for a person: long texts cut to their beginning and an ellipsis, and counts with their noun."""

from __future__ import annotations

ELLIPSIS = "…"


def shortened(text: str, most: int) -> str:
    """Return a text, cut to `most` characters and an ellipsis where it is longer."""
    return text if len(text) <= most else f"{text[:most].rstrip()}{ELLIPSIS}"


def one_line(text: str, most: int) -> str:
    """Return a text with each run of white space as one space, shortened."""
    return shortened(" ".join(text.split()), most)


def number_of(count: int, noun: str) -> str:
    """Return a number with its noun, such as `1 test` or `1,200 tests`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
