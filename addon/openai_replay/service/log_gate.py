"""Keep secrets out of the log and of tracebacks, in lines of this program and of its libraries."""

from __future__ import annotations

import logging
import traceback

from ..request.secret_gate import SecretGate
from ..request.secret_places import Hiding

# Lines of the log, of some hundred bytes each.
_MOST_KEPT = 512


class LogGate(logging.Filter):
    """Replaces secrets in the lines of the log."""

    def __init__(self, gate: SecretGate) -> None:
        """Prepare a gate of the log for the credentials that `gate` knows."""
        super().__init__()
        self._gate = gate
        self._handlers: list[logging.Handler] = []
        self._clean: dict[str, tuple[str, ...]] = {}

    def install(self) -> None:
        """Stand before all handlers of the root logger."""
        self._handlers = [*logging.getLogger().handlers]
        for handler in self._handlers:
            handler.addFilter(self)

    def uninstall(self) -> None:
        """Stand aside again."""
        for handler in self._handlers:
            handler.removeFilter(self)

    def cleaned(self, text: str) -> str:
        """Return a text without secrets, and without the values of secret parameters in URLs.

        A text that was clean stays so until another credential is known: the lines of requests that come again are
        often the same.
        """
        known = tuple(self._gate.credentials)
        if self._clean.get(text) == known:
            return text
        cleaned = self._gate.text(Hiding().url(text))
        if cleaned == text:
            self._keep(text, known)
        return cleaned

    def _keep(self, text: str, known: tuple[str, ...]) -> None:
        """Remember that a text is clean of these credentials."""
        if len(self._clean) >= _MOST_KEPT:
            self._clean.clear()
        self._clean[text] = known

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the secrets of a record, in its message and its traceback; every record passes."""
        message = record.getMessage()
        if record.exc_info:
            message = "\n".join((message, "".join(traceback.format_exception(*record.exc_info)).rstrip()))
        cleaned = self.cleaned(message)
        if cleaned != message:
            record.msg, record.args, record.exc_info = cleaned, (), None
        return True
