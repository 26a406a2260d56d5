"""One line in the log per request: its outcome, request, recording, chunks, time and test.

`openai-replay run` decides by an environment variable whether its proxy writes the lines; other programs write them
unless their log is quiet. The engine for load tests leaves them out: they take longer than its answers.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ..format.json_text import showable
from ..format.short_text import number_of
from ..store import names

log = logging.getLogger("openai_replay.requests")

# `none`, `plain` or `coloured`; set by `run`, whose own standard error the lines go to.
ENVIRONMENT_NAME = "OPENAI_REPLAY_REQUEST_LOG"

_RESET = "\033[0m"


class Outcome(enum.Enum):
    """The outcome of a request, with the colour of its word on a terminal (ECMA-48, SGR)."""

    REPLAYED = ("replayed", "\033[32m")
    RECORDED = ("recorded", "\033[36m")
    MISSED = ("missed", "\033[31m")
    REFUSED = ("refused", "\033[31m")
    NOT_RECORDED = ("not recorded", "\033[31m")
    LIVE = ("live", "\033[33m")


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request. `request` is method, path and model; `chunks` of a stream, `ms` since the request; None: unknown.

    `trouble` says that the answer was delayed or got a fault on purpose; `ms` is then the time before all that.
    """

    outcome: Outcome
    request: str
    test_id: str | None = None
    recording: str = ""
    chunks: int | None = None
    ms: float | None = None
    trouble: str = ""

    def text(self, *, coloured: bool) -> str:
        """Return the line, in characters that UTF-8 can hold."""
        word, colour = self.outcome.value
        shown = f"{colour}{word}{_RESET}" if coloured else word
        parts = [
            shown,
            self.request,
            names.shortened(self.recording),
            "" if self.chunks is None else number_of(self.chunks, "chunk"),
            "" if self.ms is None else f"{self.ms:.0f} ms",
            self.trouble,
            f"[{self.test_id}]" if self.test_id else "",
        ]
        return showable("  ".join(filter(None, parts)))


@dataclass(slots=True)
class RequestLog:
    """Writes the lines of a run, or none."""

    is_on: bool = True
    is_coloured: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str], *, is_terminal: bool, is_usual: bool = True) -> RequestLog:
        """Return the log that an environment asks for.

        Args:
            is_terminal: a person looks at the log.
            is_usual: the lines are written if the environment does not say.
        """
        chosen = environment.get(ENVIRONMENT_NAME)
        if chosen is None:
            return cls(is_usual, is_terminal and "NO_COLOR" not in environment)
        return cls(chosen != "none", chosen == "coloured")

    def write(self, line: RequestLine) -> None:
        """Write a line, unless the log is off."""
        if self.is_on and log.isEnabledFor(logging.INFO):
            text = line.text(coloured=self.is_coloured)
            # Without a look at the stack for the caller, a fifth of the time of a line: there is only this one.
            log.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, text, (), None, "write"))
