"""The metrics of a run in Prometheus's text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# The totals of the report that count answers.
_OUTCOMES = ("replayed", "recorded", "missed", "not_recorded")


def exposition(totals: Mapping[str, int], open_streams: int, behind_s: float) -> bytes:
    """Return the metrics; `totals` are the report's, since the last reset."""
    answers = [f'openai_replay_answers_total{{outcome="{name}"}} {totals[name]}' for name in _OUTCOMES]
    return "\n".join(
        [
            *_head("answers_total", "counter", "Requests to recorded hosts, by their outcome."),
            *answers,
            *_head("refused_total", "counter", "Missed requests that were refused for a mistake in them."),
            f"openai_replay_refused_total {totals.get('refused', 0)}",
            *_head("unreadable_total", "counter", "Missed requests whose recording cannot be read."),
            f"openai_replay_unreadable_total {totals.get('unreadable', 0)}",
            *_head("faulted_total", "counter", "Answers with an injected fault."),
            f"openai_replay_faulted_total {totals['faulted']}",
            *_head("paced_total", "counter", "Answers that took the time of their pacing."),
            f"openai_replay_paced_total {totals['paced']}",
            *_head("open_streams", "gauge", "Paced answers and sessions under way."),
            f"openai_replay_open_streams {open_streams}",
            *_head(
                "behind_plan_seconds", "gauge", "How long after its time a part was sent lately, at most."
            ),
            f"openai_replay_behind_plan_seconds {behind_s:.6f}",
            "",
        ]
    ).encode()


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP openai_replay_{name} {text}", f"# TYPE openai_replay_{name} {kind}"
