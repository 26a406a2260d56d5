"""Keep secrets out of the log: of mitmproxy's own lines, which quote URLs, and of tracebacks.

mitmproxy writes in two ways: `logging` handlers at the root, and mitmdump's `dumper`, which prints each flow.
"""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Iterable
from typing import Any, TextIO

from mitmproxy import ctx

from ..request.redaction import Redactor
from ..request.secret_places import Hiding

# Requests whose credentials are searched for: a line is written soon after its request.
_MOST_CREDENTIALS = 64


class LogGate(logging.Filter):
    """Replaces secrets in the lines of the log."""

    def __init__(self) -> None:
        super().__init__()
        self._redactor = Redactor()
        self._credentials: deque[str] = deque(maxlen=_MOST_CREDENTIALS)
        self._handlers: list[logging.Handler] = []
        self._dumper_output: TextIO | None = None

    def learn(self, credentials: Iterable[str]) -> None:
        """Take note of a request's credentials, which its lines must not quote."""
        self._credentials.extend(secret for secret in credentials if secret not in self._credentials)

    def install(self) -> None:
        """Stand before all handlers of the root logger, and before mitmdump's output of flows."""
        self._handlers = [*logging.getLogger().handlers]
        for handler in self._handlers:
            handler.addFilter(self)
        dumper = _dumper()
        if dumper is not None:
            self._dumper_output = dumper.outfp
            dumper.outfp = _GatedOutput(dumper.outfp, self)

    def uninstall(self) -> None:
        """Stand aside again."""
        for handler in self._handlers:
            handler.removeFilter(self)
        dumper = _dumper()
        if dumper is not None and self._dumper_output is not None:
            dumper.outfp = self._dumper_output

    def cleaned(self, text: str) -> str:
        """Return a text without secrets."""
        return self._redactor.text(Hiding().url(text), tuple(self._credentials))

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the secrets of a record, in its message and its traceback; every record passes."""
        message = record.getMessage()
        if record.exc_info:
            message = "\n".join((message, "".join(traceback.format_exception(*record.exc_info)).rstrip()))
        cleaned = self.cleaned(message)
        if cleaned != message:
            record.msg, record.args, record.exc_info = cleaned, (), None
        return True


class _GatedOutput:
    """A text file that mitmdump prints to."""

    def __init__(self, output: TextIO, gate: LogGate) -> None:
        self._output = output
        self._gate = gate

    def write(self, text: str) -> int:
        """Write a text without its secrets."""
        return self._output.write(self._gate.cleaned(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


def _dumper() -> Any:
    """Return mitmdump's addon that prints flows, None where it is not there or keeps its output elsewhere."""
    dumper = ctx.master.addons.get("dumper")
    return dumper if hasattr(dumper, "outfp") else None
