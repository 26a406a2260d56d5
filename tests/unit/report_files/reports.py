"""Reports for the tests of their files."""

from __future__ import annotations

from typing import Any

MISS: dict[str, Any] = {
    "test_id": "tests/test_a.py::test_b",
    "times": 2,
    "method": "POST",
    "endpoint": "/v1/chat/completions",
    "request": "9f3c51d20b7a" + "0" * 52,
    "nearest": "ab12.json",
    "differences": [{"path": "messages[0].content", "recorded": '"<b>Hi"', "asked": '"Ho"'}],
}
TOTALS = {"replayed": 1, "recorded": 0, "missed": 2, "not_recorded": 1, "unused": 1}


def report(**more: Any) -> dict[str, Any]:
    """Return a report with one entry of each kind, and other members where they are given."""
    return {
        "mode": "replay",
        "totals": TOTALS,
        "replayed": [{"recording": "cd34.json", "test_id": None, "times": 1}],
        "recorded": [],
        "missed": [MISS],
        "not_recorded": [{"test_id": "t", "request": "POST /v1/x", "reason": "the response broke off"}],
        "unused": ["ef56.json"],
        **more,
    }


EMPTY = report(totals=dict.fromkeys(TOTALS, 0), replayed=[], missed=[], not_recorded=[], unused=[])
