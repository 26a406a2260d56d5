"""The report as one HTML page without a network: counts, misses with differences, conversations, unused recordings.

The page is rendered here; its script only filters. Every text is escaped, and a content security policy forbids the
page to load or run anything that is not in the file.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from .bubbles import conversation, last_message
from .by_test import NO_TEST, TestPart, by_test, explained, notes

_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")

# A page with more conversations is slow to open; the others are listed by name.
_MOST_CONVERSATIONS = 2000

_COUNTS = (
    ("replayed", "good"),
    ("recorded", "good"),
    ("missed", "bad"),
    ("not_recorded", "bad"),
    ("unused", ""),
)


def page(reported: Mapping[str, Any], folder: Path) -> str:
    """Return the HTML page of a report; conversations are read from the recordings in `folder`."""
    parts = by_test(reported)
    body = "\n".join(_body(reported, parts, folder))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        f"<title>openai-replay: {escape(_headline(reported))}</title>\n<style>\n{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _headline(reported: Mapping[str, Any]) -> str:
    totals = reported["totals"]
    return f"{totals['replayed']} replayed, {totals['recorded']} recorded, {totals['missed']} missed"


def _body(reported: Mapping[str, Any], parts: Mapping[str, TestPart], folder: Path) -> Iterator[str]:
    yield f'<h1>openai-replay</h1>\n<p class="quiet">mode {escape(str(reported.get("mode", "")))}</p>'
    yield _counts(reported["totals"])
    if facts := notes(reported):
        yield f"<ul>{''.join(f'<li>{escape(fact)}</li>' for fact in facts)}</ul>"
    yield _filters(parts)
    yield from _problems(parts)
    yield from _trouble(parts)
    yield from _conversations(parts, folder)
    yield from _unused(reported.get("unused", ()), folder)


def _counts(totals: Mapping[str, int]) -> str:
    items = (
        f'<li class="{kind if totals[name] else ""}"><b>{totals[name]}</b>{name.replace("_", " ")}</li>'
        for name, kind in _COUNTS
    )
    return f'<ul class="counts">{"".join(items)}</ul>'


def _filters(parts: Mapping[str, TestPart]) -> str:
    tests = "".join(f'<option value="{escape(name)}">{escape(name)}</option>' for name in parts)
    outcomes = "".join(
        f'<option value="{name}">{name.replace("_", " ")}</option>' for name, _ in _COUNTS if name != "unused"
    )
    return (
        f'<div class="filters"><label>Test <select id="test"><option value="">all</option>{tests}</select></label>'
        f'<label>Outcome <select id="outcome"><option value="">all</option>{outcomes}</select></label>'
        '<label>Text <input id="word" type="search" placeholder="a word of a prompt"></label></div>'
    )


# --- misses ---


def _problems(parts: Mapping[str, TestPart]) -> Iterator[str]:
    if all(part.is_good() for part in parts.values()):
        return
    yield "<h2>Requests without an answer or a recording</h2>"
    for test_id, part in parts.items():
        for miss in part.missed:
            first, *rest = explained(miss)
            yield _entry(test_id, "missed", first, f"<pre>{escape(chr(10).join(rest))}</pre>", is_open=True)
        for entry in part.not_recorded:
            reason = f"<pre>{escape(str(entry.get('reason', '')))}</pre>"
            yield _entry(test_id, "not_recorded", str(entry.get("request", "")), reason, is_open=True)


def _entry(test_id: str, outcome: str, title: str, content: str, *, is_open: bool = False) -> str:
    test = "" if test_id == NO_TEST else f' <span class="quiet">{escape(test_id)}</span>'
    return (
        f'<details data-test="{escape(test_id)}" data-outcome="{outcome}"{" open" if is_open else ""}>'
        f'<summary><span class="tag {outcome}">{outcome.replace("_", " ")}</span>{escape(title)}{test}</summary>'
        f"<div>{content}</div></details>"
    )


def _trouble(parts: Mapping[str, TestPart]) -> Iterator[str]:
    """Yield the faults and the pacing of each test, so that a failure that they cause is not taken for a finding."""
    rows = [
        f"<tr><td>{escape(test_id)}</td><td>{escape(part.trouble())}</td></tr>"
        for test_id, part in parts.items()
        if part.trouble()
    ]
    if rows:
        yield "<h2>Answers changed on purpose</h2>"
        yield f"<table><tr><th>test</th><th>faults and pacing</th></tr>{''.join(rows)}</table>"


# --- conversations ---


def _conversations(parts: Mapping[str, TestPart], folder: Path) -> Iterator[str]:
    entries = [
        (test_id, outcome, entry)
        for test_id, part in parts.items()
        for outcome in ("replayed", "recorded")
        for entry in getattr(part, outcome)
    ]
    if entries:
        yield "<h2>Conversations</h2>"
    for test_id, outcome, entry in entries[:_MOST_CONVERSATIONS]:
        yield _conversation(test_id, outcome, entry, folder)
    if len(entries) > _MOST_CONVERSATIONS:
        yield f"<p>… and {len(entries) - _MOST_CONVERSATIONS} more, by name:</p>"
        names = "\n".join(entry["recording"] for _, _, entry in entries[_MOST_CONVERSATIONS:])
        yield f"<pre>{escape(names)}</pre>"


def _conversation(test_id: str, outcome: str, entry: Mapping[str, Any], folder: Path) -> str:
    name = str(entry["recording"])
    times = f", {entry['times']} times" if entry.get("times", 1) > 1 else ""
    title, content = conversation(folder / name)
    shown = f'<p class="quiet"><code>{escape(name)}</code>{times}</p>{content}'
    return _entry(test_id, outcome, title or name, shown)


def _unused(unused: list[str], folder: Path) -> Iterator[str]:
    if unused:
        yield f"<h2>Unused recordings</h2>\n<p>Without a request in this run: {len(unused)}.</p>"
        rows = (
            f"<tr><td><code>{escape(name)}</code></td><td>{escape(last_message(folder / name))}</td></tr>"
            for name in unused[:_MOST_CONVERSATIONS]
        )
        yield f"<table><tr><th>recording</th><th>last message</th></tr>{''.join(rows)}</table>"
        if len(unused) > _MOST_CONVERSATIONS:
            yield f"<p>… and {len(unused) - _MOST_CONVERSATIONS} more.</p>"
