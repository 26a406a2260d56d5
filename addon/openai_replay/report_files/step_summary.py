"""The report as Markdown, for the summary of a GitHub Actions step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .by_test import NO_TEST, by_test, explained, notes

# GitHub keeps at most 1 MiB of a step's summary; this many misses with their differences stay far below.
_MOST_MISSES = 50
_MOST_NAMED = 20


def step_summary(reported: Mapping[str, Any]) -> str:
    """Return the Markdown of a report: the counts, and each miss with its differences."""
    return "\n".join(_lines(reported)) + "\n"


def _lines(reported: Mapping[str, Any]) -> Iterator[str]:
    totals = reported["totals"]
    yield "### openai-replay"
    yield ""
    yield "| replayed | recorded | missed | not recorded | unused |"
    yield "|---|---|---|---|---|"
    counts = (totals[name] for name in ("replayed", "recorded", "missed", "not_recorded", "unused"))
    yield f"| {' | '.join(map(str, counts))} |"
    for fact in notes(reported):
        yield ""
        yield f"- {fact}"
    yield from _misses(reported)
    yield from _unused(reported.get("unused", []))


def _misses(reported: Mapping[str, Any]) -> Iterator[str]:
    blocks = []
    for test_id, part in by_test(reported).items():
        where = [] if test_id == NO_TEST else [f"test {test_id}"]
        blocks += [[*where, *explained(miss)] for miss in part.missed]
        blocks += [
            [*where, f"Not recorded: {entry['request']}: {entry['reason']}"] for entry in part.not_recorded
        ]
    for block in blocks[:_MOST_MISSES]:
        yield ""
        yield from _code_block(block)
    if len(blocks) > _MOST_MISSES:
        yield ""
        yield f"… and {len(blocks) - _MOST_MISSES} more."


def _unused(unused: list[str]) -> Iterator[str]:
    if unused:
        yield ""
        yield f"Unused recordings ({len(unused)}):"
        yield ""
        yield from _code_block([*unused[:_MOST_NAMED], *(["…"] if len(unused) > _MOST_NAMED else [])])


def _code_block(lines: list[str]) -> Iterator[str]:
    """Yield lines as a block that their own backticks cannot end (GitHub Flavored Markdown, section 4.5)."""
    text = "\n".join(lines)
    longest = max((len(run) for run in text.replace("`", "\0").split() if set(run) == {"\0"}), default=0)
    fence = "`" * max(3, longest + 1)
    while fence in text:
        fence += "`"
    yield f"{fence}text"
    yield text
    yield fence
